#include "net/round_budget.h"

#include "unit/net/looping.h"

namespace praefect::net {
namespace {

TEST_CASE_METHOD(Looping, "a budget is spent in a round, and there again in the next one") {
  RoundBudget budget(loop, 2);
  int taken = 0;
  auto take_all = [&] {
    while (budget.Take()) taken++;
  };
  take_all();
  CHECK(taken == 2);
  take_all();
  CHECK(taken == 2);
  const uint64_t before = loop.round();
  RunUntil([&] { return loop.round() > before; });
  take_all();
  CHECK(taken == 4);
}

}  // namespace
}  // namespace praefect::net
