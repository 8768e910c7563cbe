#include "nodes/error_tracker.h"

#include <catch2/catch.hpp>

namespace praefect::nodes {
namespace {

using std::chrono::milliseconds;

// A node that is looked at every second, with a window of ten seconds.
struct Watched {
  void Pass(int seconds, uint64_t reads_failing = 0, uint64_t writes_failing = 0) {
    for (int i = 0; i < seconds; i++) {
      total.reads += reads_failing, total.writes += writes_failing;
      tracker.Observe(now += milliseconds(1'000), total, thresholds);
    }
  }
  config::ErrorThresholds thresholds{milliseconds(10'000), 100, 50};
  ErrorTracker tracker;
  ErrorTracker::Errors total;
  milliseconds now{0};
};

TEST_CASE("few errors are nothing, however long they go on") {
  Watched node;
  node.Pass(1'000, 9, 4);
  CHECK_FALSE(node.tracker.degraded());
}

TEST_CASE("accessors and mutators have thresholds of their own") {
  Watched reads, writes;
  reads.Pass(1), writes.Pass(1);
  reads.Pass(1, 99), writes.Pass(1, 0, 49);
  CHECK_FALSE((reads.tracker.degraded() || writes.tracker.degraded()));
  reads.Pass(1, 1), writes.Pass(1, 0, 1);
  CHECK(reads.tracker.reason() == "100 accessors and 0 mutators failed within 10000 ms");
  CHECK(writes.tracker.reason() == "0 accessors and 50 mutators failed within 10000 ms");
}

TEST_CASE("what failed before the first look counts") {
  Watched node;
  node.Pass(1, 100);
  CHECK(node.tracker.degraded());
}

TEST_CASE("a whole window without reaching a threshold ends it, also when no call comes") {
  Watched node;
  node.Pass(1), node.Pass(1, 100);
  node.Pass(15);
  CHECK(node.tracker.degraded());
  node.Pass(10);
  CHECK_FALSE(node.tracker.degraded());
}

TEST_CASE("who fails again in its trial is degraded again") {
  Watched node;
  node.Pass(1), node.Pass(1, 100), node.Pass(30);
  CHECK_FALSE(node.tracker.degraded());
  node.Pass(1, 100);
  CHECK(node.tracker.degraded());
}

TEST_CASE("a threshold of 0 is never reached") {
  Watched node;
  node.thresholds.read_errors = 0;
  node.Pass(1);
  node.Pass(5, 1'000'000);
  CHECK_FALSE(node.tracker.degraded());
}

}  // namespace
}  // namespace praefect::nodes
