#include "datastore/lingers.h"

#include <catch2/catch.hpp>
#include <optional>

namespace praefect::datastore {
namespace {

using std::chrono::milliseconds;

class LingersOfTest : public Lingers {
 public:
  LingersOfTest() : Lingers(milliseconds(1'000)) {}

  void Begin(milliseconds time) {
    Add("default", "a", time, [this](bool left) { ended = left; });
  }
  bool Ends(int at_ms, NodeState state) {
    Look(milliseconds(at_ms), [&](const auto&, const auto&) { return state; });
    return ended.has_value();
  }

  std::optional<bool> ended;
};

TEST_CASE("a linger counts the time in which its node is seen healthy") {
  LingersOfTest lingers;
  lingers.Begin(milliseconds(1'500));
  CHECK_FALSE(lingers.Ends(10'000, NodeState::kHealthy));
  CHECK_FALSE(lingers.Ends(10'800, NodeState::kHealthy));
  CHECK_FALSE(lingers.Ends(11'400, NodeState::kUnhealthy));
  CHECK_FALSE(lingers.Ends(12'400, NodeState::kHealthy));
  CHECK_FALSE(lingers.Ends(13'099, NodeState::kHealthy));
  CHECK(lingers.Ends(13'100, NodeState::kHealthy));
  CHECK_FALSE(*lingers.ended);
  CHECK(lingers.size() == 0);
}

TEST_CASE("a time in which nobody looked counts as little") {
  LingersOfTest lingers;
  lingers.Begin(milliseconds(1'500));
  CHECK_FALSE(lingers.Ends(0, NodeState::kHealthy));
  CHECK_FALSE(lingers.Ends(600'000, NodeState::kHealthy));
  CHECK(lingers.Ends(600'500, NodeState::kHealthy));
}

TEST_CASE("a storage that left the configuration ends what lingers on it") {
  LingersOfTest lingers;
  lingers.Begin(milliseconds(600'000));
  CHECK(lingers.Ends(0, NodeState::kNotConfigured));
  CHECK(*lingers.ended);
}

}  // namespace
}  // namespace praefect::datastore
