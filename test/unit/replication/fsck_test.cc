#include "replication/fsck.h"

#include <catch2/catch.hpp>

namespace praefect::replication {
namespace {

TEST_CASE("What a copy has of its source is no fault of the copy") {
  CHECK(NewFaults("", "") == "");
  CHECK(NewFaults("error in commit 1: badTimezone\n",
                  "error in tag 2: x\nerror in commit 1: badTimezone") == "");
  CHECK(NewFaults("dangling blob 3\nnotice: no default references\nunreachable tree 4\n", "") ==
        "");
}

TEST_CASE("What a copy lacks is told in git's words") {
  CHECK(NewFaults("missing blob 3\n", "") == "missing blob 3");
  CHECK(NewFaults("error in commit 1: badTimezone\nmissing blob 3\nbroken link from tree 4\n",
                  "error in commit 1: badTimezone\n") == "missing blob 3 (and 1 more)");
}

}  // namespace
}  // namespace praefect::replication
