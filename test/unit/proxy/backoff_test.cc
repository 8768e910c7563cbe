#include "proxy/backoff.h"

#include <catch2/catch.hpp>

namespace praefect::proxy {
namespace {

// The pause after the last of `failures` in a row.
int64_t PauseAfter(int failures, double chance) {
  Backoff backoff;
  for (int i = 0; i < failures; i++) backoff.Failed(0, chance);
  int64_t pause = 0;
  while (backoff.Waits(pause)) pause++;
  return pause;
}

TEST_CASE("the first retry comes at once, later ones wait longer and longer, to a limit") {
  CHECK(PauseAfter(0, 0.5) == 0);
  CHECK(PauseAfter(1, 0.5) == 0);
  CHECK(PauseAfter(2, 0.999) == 99);
  CHECK(PauseAfter(3, 0.999) == 199);
  CHECK(PauseAfter(5, 0.999) == 799);
  CHECK(PauseAfter(6, 0.999) == 999);
  CHECK(PauseAfter(100, 0.999) == 999);
}

TEST_CASE("chance takes away up to half of a pause") {
  CHECK(PauseAfter(6, 0) == 500);
  CHECK(PauseAfter(6, 0.5) == 750);
}

TEST_CASE("a success forgets the failures") {
  Backoff backoff;
  for (int i = 0; i < 5; i++) backoff.Failed(0, 0.5);
  backoff.Reset();
  CHECK_FALSE(backoff.Waits(1));
  backoff.Failed(1, 0.5);
  CHECK_FALSE(backoff.Waits(1));
}

}  // namespace
}  // namespace praefect::proxy
