#include "proxy/disk_reading.h"

#include <catch2/catch.hpp>

#include "gitaly/server.pb.h"
#include "proxy/request.h"
#include "upstream_bench.h"

namespace praefect::proxy {
namespace {

// A node that tells its disks when it is asked, unless it is silent.
struct Disks {
  nodes::Node Expecting(const std::string& filesystem_id) {
    nodes::Node expected;
    expected.storage = "a";
    expected.disk.filesystem_id = filesystem_id;
    return expected;
  }
  void Tell() {
    ::gitaly::ServerInfoResponse response;
    for (const auto& [storage, id] : disks) {
      response.add_storage_statuses()->set_storage_name(storage);
      response.mutable_storage_statuses()->rbegin()->set_filesystem_id(id);
    }
    http2::Stream& stream = *std::exchange(node.stream, nullptr);
    stream.SendHeaders(Fields({{":status", "200"}}), false);
    stream.SendData(MakeMessage(bench.buffers.control, response.SerializeAsString()));
    stream.SendTrailers(Fields({{"grpc-status", "0"}}));
  }
  void RunUntilTold(Waiting& writer) {
    bench.RunUntil([&] {
      if (node.stream != nullptr && !silent) Tell();
      return writer.told == 1;
    });
  }
  void LoseConnection() {
    node.connection->Close("it was started anew");
    bench.RunUntil([&] { return upstream.idle(); });
  }

  Bench bench;
  Node node{bench.loop, bench.buffers};
  Upstream& upstream = bench.To(node.address);
  std::vector<std::pair<std::string, std::string>> disks = {{"b", "other"}, {"a", "disk"}};
  bool silent = false;
};

struct Reading : Disks {
  absl::StatusOr<std::string> Read(int64_t timeout_ms = 5'000) {
    std::optional<absl::StatusOr<std::string>> told;
    DiskReading reading(
        bench.loop, bench.buffers, upstream, [&](const auto& id) { told = id; }, timeout_ms);
    reading.Ask(Expecting(""));
    bench.RunUntil([&] {
      if (node.stream != nullptr && !silent) Tell();
      return told.has_value();
    });
    CHECK_FALSE(reading.under_way());
    bench.RunUntil([&] { return bench.meter.bytes == 0; });
    return *told;
  }
};

TEST_CASE("a node tells the disk of the storage that it is asked for") {
  Reading reading;
  CHECK(*reading.Read() == "disk");
  reading.disks = {{"a", ""}};
  CHECK(reading.Read()->empty());
  reading.disks = {};
  CHECK(reading.Read()->empty());
  reading.disks = {{"b", "other"}};
  CHECK(reading.Read().status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("a node that does not tell its disk is not waited for for ever") {
  Reading reading;
  reading.silent = true;
  CHECK(reading.Read(1).status().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("what writes gets a connection over which the node has told its disk") {
  Disks disks;
  const nodes::Node expected = disks.Expecting("disk");
  Waiting first, second, reads;
  disks.upstream.AcquireToWrite(first, expected);
  disks.RunUntilTold(first);
  CHECK(first.connection != nullptr);
  disks.upstream.AcquireToWrite(second, expected);
  CHECK(second.connection == first.connection);
  CHECK(disks.node.requests == 1);

  disks.LoseConnection();
  disks.upstream.Acquire(reads);
  disks.RunUntilTold(reads);
  CHECK(disks.node.requests == 1);
  Waiting third;
  disks.upstream.AcquireToWrite(third, expected);
  disks.RunUntilTold(third);
  CHECK(third.connection == reads.connection);
  CHECK(disks.node.requests == 2);
}

TEST_CASE("what writes gets no connection to another disk, until that is the expected one") {
  Disks disks;
  Waiting one, other, known, unknown;
  disks.upstream.AcquireToWrite(one, disks.Expecting("before"));
  disks.upstream.AcquireToWrite(other, disks.Expecting("disk"));
  disks.RunUntilTold(one);
  CHECK(one.failure == "its filesystem_id was before and is disk: another disk?");
  CHECK(other.connection != nullptr);
  disks.upstream.AcquireToWrite(unknown, disks.Expecting(""));
  CHECK(unknown.connection == other.connection);
  disks.disks = {{"a", "before"}};
  disks.upstream.AcquireToWrite(known, disks.Expecting("before"));
  disks.RunUntilTold(known);
  CHECK(known.connection == other.connection);
}

TEST_CASE("who has gone is not told of a disk") {
  Disks disks;
  Waiting gone, stays;
  const nodes::Node expected = disks.Expecting("disk");
  disks.upstream.AcquireToWrite(gone, expected);
  disks.upstream.AcquireToWrite(stays, expected);
  disks.upstream.Forget(gone);
  disks.RunUntilTold(stays);
  CHECK(gone.told == 0);
}

}  // namespace
}  // namespace praefect::proxy
