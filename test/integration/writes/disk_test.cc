// A node that was started anew, with another disk, between two writes.

#include "fixture.h"

namespace praefect::test {
namespace {

struct Disks : Writes {
  Disks() : Writes({.node_disk = "old"}) { REQUIRE(IsKnownToBeOn("old")); }

  void StartAnewOn(const std::string& filesystem_id) {
    TellDisk(0, filesystem_id);
    node(0).DropConnections();
  }
};

TEST_CASE("no write reaches a node that was started anew with another disk") {
  Disks writes;
  const int64_t id = writes.Make("x.git");
  CHECK(writes.Call(kWriteRef).grpc_status() == "0");
  writes.StartAnewOn("new");
  const RawAnswer refused = writes.Call(kWriteRef);
  CHECK(refused.grpc_status() == "14");
  CHECK_THAT(refused.grpc_message(), Catch::Contains("another disk?"));
  CHECK(writes.Call(kPush).grpc_status() == "14");
  CHECK(writes.node(0).calls() == 1);
  CHECK(writes.BecomesShown(id, {1, 1, 0, 0}));
  CHECK(writes.Call(kRefExists).grpc_status() == "0");

  writes.StartAnewOn("old");
  REQUIRE(writes.IsKnownToBeOn("old"));
  CHECK(writes.Call(kWriteRef).grpc_status() == "0");
}

TEST_CASE("a node that was started anew with its disk, or cannot tell it, goes on") {
  Disks writes;
  const int64_t id = writes.Make("x.git");
  for (const char* disk : {"old", ""}) {
    CHECK(writes.Call(kWriteRef).grpc_status() == "0");
    writes.StartAnewOn(disk);
  }
  CHECK(writes.Call(kWriteRef).grpc_status() == "0");
  CHECK(writes.node(0).calls() == 3);
  CHECK(writes.BecomesShown(id, {3, 3, 0, 0}));
}

}  // namespace
}  // namespace praefect::test
