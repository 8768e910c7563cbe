#include "nodes/gitaly_version.h"

#include <catch2/catch.hpp>

namespace praefect::nodes {
namespace {

TEST_CASE("What a node can be relied on for begins and ends with a release") {
  CHECK_FALSE(EndsCancelledCalls("13.1.11"));
  CHECK(EndsCancelledCalls("13.2.0-rc1"));
  CHECK_FALSE(ReplicatesWhole("12.10.14"));
  CHECK_FALSE(ReplicatesWhole("13.1.11"));
  CHECK(ReplicatesWhole("13.2"));
  CHECK(ReplicatesWhole("18.9.0-rc42-12-g0123abc"));
  CHECK_FALSE(KnowsReplicateRepository("12.4.5"));
  CHECK(KnowsReplicateRepository("12.10.0"));
  CHECK(KnowsCleanup("12.4.0"));
  CHECK(KnowsCleanup("15.11.3"));
  CHECK_FALSE(KnowsCleanup("16.0.0"));
}

TEST_CASE("A version that nobody can read is relied on for nothing, and asked for what is usual") {
  for (const char* version : {"", "unknown", "13", "13.", ".2", "v13.2.0", "99999999999.1"}) {
    INFO(version);
    CHECK_FALSE(EndsCancelledCalls(version));
    CHECK_FALSE(ReplicatesWhole(version));
    CHECK(KnowsReplicateRepository(version));
    CHECK_FALSE(KnowsCleanup(version));
  }
}

}  // namespace
}  // namespace praefect::nodes
