// Every end of a write, and what the books show of it.

#include "fixture.h"

namespace praefect::test {
namespace {

constexpr uint32_t kInternalError = 2, kRefused = 7, kCancel = 8;

// Nothing; one that nobody was told about; one that the client was told about.
constexpr Shown kNothing{0, 0, 0, 0}, kApplied{1, 0, 0, 0}, kAcknowledged{1, 1, 0, 0};
// The node may still apply it.
constexpr Shown kLingers{0, 0, 0, 1};

struct NodeEnd {
  const char* what;
  RawNode::Script script;
  const char* status;
  Shown shown;
};

// Headers that are trailers as well.
void EndAtOnce(RawStream& stream, const char* status) {
  const Fields fields = {
      {":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", status}};
  stream.connection().SendHeaders(stream.id(), fields, true);
}

const NodeEnd kNodeEnds[] = {
    {"OK",
     [](RawStream& s) {
       s.ReadToHalfClose();
       s.Answer("done");
     },
     "0", kAcknowledged},
    {"OK at once", [](RawStream& s) { EndAtOnce(s, "0"); }, "0", kAcknowledged},
    {"a status", [](RawStream& s) { EndAtOnce(s, "9"); }, "9", kApplied},
    {"what is no answer",
     [](RawStream& s) {
       s.Finish({{"grpc-status", "9"}});
     },
     "13", kApplied},
    {"data, then a status",
     [](RawStream& s) {
       s.SendHeaders();
       s.SendMessage("some");
       s.Finish({{"grpc-status", "13"}});
     },
     "13", kApplied},
    {"no status", [](RawStream& s) { s.SendHeaders(), s.Finish({}); }, "2", kApplied},
    {"a reset", [](RawStream& s) { s.ReadMessage(), s.Reset(kInternalError); }, "13", kApplied},
    {"its connection's end", [](RawStream& s) { s.ReadMessage(), s.connection().Close(); }, "14",
     kLingers},
    {"a call that it never takes", [](RawStream& s) { s.Reset(kRefused); }, "14", kNothing},
};

TEST_CASE("what a node ends a write with, and what the books show then") {
  const NodeEnd& end = GENERATE(from_range(std::begin(kNodeEnds), std::end(kNodeEnds)));
  CAPTURE(end.what);
  Writes writes;
  const int64_t id = writes.Make("x.git");
  writes.Script(0, end.script);
  const RawAnswer answer = writes.Call(kWriteRef);
  CAPTURE(answer.grpc_message());
  CHECK(answer.grpc_status() == end.status);
  CHECK(writes.BecomesShown(id, end.shown));
}

TEST_CASE("a call that a node never took is sent again, as the write that it is") {
  Writes writes;
  const int64_t id = writes.Make("x.git");
  writes.Script(0, [&](RawStream& stream) {
    if (writes.node(0).calls() == 1) return stream.Reset(kRefused);
    stream.ReadToHalfClose();
    stream.Answer("done");
  });
  CHECK(writes.Call(kWriteRef).grpc_status() == "0");
  CHECK(writes.node(0).calls() == 2);
  CHECK(writes.BecomesShown(id, kAcknowledged));
}

// Waits for the write to be open in the books, and for the reset that ends it.
struct Hanging : Writes {
  explicit Hanging(const WritesOptions& options = {}) : Writes(options) {
    id = Make("x.git");
    Script(0, [this](RawStream& stream) {
      stream.ReadMessage();
      reached = true;
      stream.ReadReset();
      was_reset = true;
    });
  }
  void Push() {
    client = &Begin(kPush);
    REQUIRE(Becomes([&] { return reached.load(); }));
    CHECK(Books(id) == Shown{0, 0, 1, 0});
  }
  int64_t id = 0;
  Client* client = nullptr;
  std::atomic<bool> reached{false}, was_reset{false};
};

TEST_CASE("a client that leaves: the node is told, and settled once it has read that") {
  Hanging writes;
  writes.Push();
  SECTION("it cancels") { writes.client->raw.connection().Reset(writes.client->stream, kCancel); }
  SECTION("it is gone") { writes.client->raw.connection().Close(); }
  CHECK(writes.BecomesShown(writes.id, kApplied));
  CHECK(writes.was_reset);
}

TEST_CASE("a node that may go on after a cancellation is given the time of a lost one") {
  Hanging writes({.node_version = GENERATE("13.1.9", "12.10.14", "")});
  writes.Push();
  writes.client->raw.connection().Reset(writes.client->stream, kCancel);
  CHECK(writes.BecomesShown(writes.id, kLingers));
}

TEST_CASE("calls that are ended at a stop are ended in the books") {
  Hanging writes;
  writes.Push();
  writes.EndCalls();
  CHECK(writes.client->raw.Answer(writes.client->stream).grpc_status() == "14");
  CHECK(writes.BecomesShown(writes.id, kApplied));
}

TEST_CASE("a write is settled before its client is told OK") {
  Writes writes;
  const int64_t id = writes.Make("x.git");
  for (int64_t i = 1; i <= 20; i++) {
    REQUIRE(writes.Call(kWriteRef).grpc_status() == "0");
    REQUIRE(writes.Books(id) == Shown{i, i, 0, 0});
  }
}

TEST_CASE("a write that could not be recorded in time is not told OK, and settled later") {
  Writes writes({.settle_timeout = std::chrono::milliseconds(50)});
  const int64_t id = writes.Make("x.git");
  writes.Script(0, [&](RawStream& stream) {
    stream.ReadToHalfClose();
    writes.switched->away = true;
    stream.Answer("done");
  });
  const RawAnswer answer = writes.Call(kWriteRef);
  CHECK(answer.grpc_status() == "14");
  CHECK_THAT(answer.grpc_message(), Catch::Contains("could not be recorded yet"));
  writes.switched->away = false;
  CHECK(writes.BecomesShown(id, kApplied));
}

TEST_CASE("a client whose deadline passes while its write is settled is told so") {
  Writes writes;
  writes.Make("x.git");
  writes.Script(0, [&](RawStream& stream) {
    stream.ReadToHalfClose();
    writes.switched->away = true;
    stream.Answer("done");
  });
  Writes::Client& client = writes.Begin(kWriteRef, "other.git");  // only for its connection
  const uint32_t stream = client.raw.Open(kWriteRef, {{"grpc-timeout", "300m"}});
  client.raw.connection().SendMessage(stream, BytesField(1, Repository("default", "x.git")), true);
  CHECK(client.raw.Answer(stream).grpc_status() == "4");
  writes.switched->away = false;
}

TEST_CASE("a write whose primary changed meanwhile is not kept") {
  Writes writes;
  const int64_t id = writes.Make("x.git");
  writes.Script(0, [&](RawStream& stream) {
    stream.ReadToHalfClose();
    CHECK(writes.Change(id, datastore::PromoteTo("b", false)) == datastore::Changed::kDone);
    stream.Answer("done");
  });
  const RawAnswer answer = writes.Call(kWriteRef);
  CHECK(answer.grpc_status() == "14");
  CHECK_THAT(answer.grpc_message(), Catch::Contains("is not kept"));
  CHECK(writes.Books(id).acknowledged == 0);
}

TEST_CASE("a write to a repository that was removed meanwhile is not kept") {
  Writes writes;
  const int64_t id = writes.Make("x.git");
  writes.Script(0, [&](RawStream& stream) {
    stream.ReadToHalfClose();
    CHECK(writes.Change(id, datastore::RemoveRepository()) == datastore::Changed::kDone);
    stream.Answer("done");
  });
  const RawAnswer answer = writes.Call(kWriteRef);
  CHECK(answer.grpc_status() == "14");
  CHECK_THAT(answer.grpc_message(), Catch::Contains("is being removed"));
}

TEST_CASE("maintenance and reads are not recorded") {
  Writes writes;
  const int64_t id = writes.Make("x.git");
  CHECK(writes.Call("/gitaly.RepositoryService/OptimizeRepository").grpc_status() == "0");
  CHECK(writes.Call(kRefExists).grpc_status() == "0");
  CHECK(writes.Call(kInfoRefs).grpc_status() == "0");
  CHECK(writes.Books(id) == kNothing);
}

TEST_CASE("a push over HTTP that is retried is settled by what it is shown") {
  Hanging writes;
  writes.Push();
  writes.Script(0, [](RawStream& stream) {
    stream.ReadToHalfClose();
    stream.Answer("refs");
  });
  writes.client->raw.connection().Reset(writes.client->stream, kCancel);
  // Its intent is there, open or lingering, for as long as it is not settled.
  CHECK(writes.Call(kInfoRefs).grpc_status() == "0");
  CHECK(Becomes([&] { return writes.Books(writes.id).generation >= 1; }));
}

}  // namespace
}  // namespace praefect::test
