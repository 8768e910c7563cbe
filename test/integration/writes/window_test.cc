// A process that stands still between a write's open and its bytes.

#include "fixture.h"

namespace praefect::test {
namespace {

using std::chrono::seconds;

TEST_CASE("a process frozen between open and send sends nothing by that open") {
  Writes writes;
  const int64_t id = writes.Make("x.git");
  writes.Call(kRefExists);
  writes.switched->AfterNext([&] { writes.Freeze(seconds(30)); });
  const RawAnswer answer = writes.Call(kWriteRef);
  // It is opened again if that can be done by now.
  const bool sent = answer.grpc_status() == "0";
  CHECK((sent || answer.grpc_status() == "14"));
  CHECK(writes.node(0).calls() == (sent ? 2 : 1));
  CHECK(writes.BecomesShown(id, sent ? Shown{1, 1, 0, 0} : Shown{0, 0, 0, 0}));
}

TEST_CASE("a process frozen in the middle of a push does not complete it") {
  Writes writes({.beat = std::chrono::milliseconds(10'000)});
  const int64_t id = writes.Make("x.git");
  std::atomic<bool> reached{false}, ended{false};
  writes.Script(0, [&](RawStream& stream) {
    stream.ReadMessage();
    reached = true;
    stream.connection().ExpectEnd();
    ended = true;
  });
  Writes::Client& client = writes.Begin(kPush);
  REQUIRE(Becomes([&] { return reached.load(); }));
  writes.Freeze(seconds(70));
  client.raw.connection().SendMessage(client.stream, "the rest", true);
  CHECK(client.raw.Answer(client.stream).grpc_status() == "14");
  CHECK(Becomes([&] { return ended.load(); }));
  CHECK(Becomes([&] { return writes.Books(id).open == 0; }));
  CHECK(writes.Books(id).acknowledged == 0);
}

TEST_CASE("calls recorded as an instance that was buried are cancelled") {
  Writes writes;
  const int64_t id = writes.Make("x.git");
  std::atomic<bool> reached{false}, was_reset{false};
  writes.Script(0, [&](RawStream& stream) {
    stream.ReadMessage();
    reached = true;
    stream.ReadReset();
    was_reset = true;
  });
  Writes::Client& client = writes.Begin(kPush);
  REQUIRE(Becomes([&] { return reached.load(); }));
  const int64_t instance = writes.keeper->instance();
  REQUIRE(Becomes([&] {  // its counter moves on meanwhile
    return writes.Bury(writes.BeatOf(instance));
  }));
  CHECK(client.raw.Answer(client.stream).grpc_status() == "14");
  CHECK(Becomes([&] { return was_reset.load() && writes.keeper->instance() != instance; }));
  CHECK(Becomes([&] { return writes.Books(id).open == 0; }));
}

}  // namespace
}  // namespace praefect::test
