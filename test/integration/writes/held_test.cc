// UserMergeBranch: clients take its second message for success.

#include "fixture.h"

namespace praefect::test {
namespace {

constexpr uint32_t kCancel = 8;

// The node sends two messages, and its status when it is told to.
struct Merge : Writes {
  Merge() {
    id = Make("x.git");
    Script(0, [this](RawStream& stream) {
      stream.ReadMessage();
      stream.SendHeaders();
      stream.SendMessage("commit");
      stream.SendMessage("branch updated");
      stream.connection().Send(FrameType::kPing, 0, 0, "8 bytes.");
      stream.connection().Expect(FrameType::kPing, 0);
      sent = true;  // and has come
      if (hangs) return void(stream.ReadReset());
      if (!Becomes([&] { return finish.load(); })) return;
      stream.Finish({{"grpc-status", status}});
    });
  }
  void Begin() { client = &Writes::Begin(kMergeBranch); }
  // What the client has sent has come to Praefect.
  void LetItArrive() {
    client->raw.connection().Send(FrameType::kPing, 0, 0, "8 bytes.");
    while (client->raw.connection().Next().value().type != FrameType::kPing) {
    }
  }
  ~Merge() { finish = true; }

  std::string NextData() {
    return client->raw.connection().Expect(FrameType::kData, client->stream).payload;
  }
  int64_t id = 0;
  Client* client = nullptr;
  const char* status = "0";
  std::atomic<bool> sent{false}, finish{false}, hangs{false};
};

TEST_CASE("the second message waits for the settlement") {
  Merge merge;
  merge.Begin();
  CHECK(JoinMessages(merge.NextData()) == "commit");
  REQUIRE(Becomes([&] { return merge.sent.load(); }));
  while (const auto frame = merge.client->raw.connection().Next(std::chrono::milliseconds(50))) {
    CHECK(frame->type != FrameType::kData);
  }
  CHECK(merge.Books(merge.id) == Shown{0, 0, 1, 0});
  merge.finish = true;
  CHECK(JoinMessages(merge.NextData()) == "branch updated");
  CHECK(merge.Books(merge.id) == Shown{1, 1, 0, 0});
  CHECK(merge.client->raw.Answer(merge.client->stream).grpc_status() == "0");
}

TEST_CASE("the second message of a call that failed is never seen") {
  Merge merge;
  merge.status = "9";
  merge.Begin();
  CHECK(JoinMessages(merge.NextData()) == "commit");
  merge.finish = true;
  const RawAnswer answer = merge.client->raw.Answer(merge.client->stream);
  CHECK(answer.data.empty());
  CHECK(answer.grpc_status() == "9");
  CHECK(merge.BecomesShown(merge.id, {1, 0, 0, 0}));
}

TEST_CASE("a client that leaves when the node has sent its result does not cancel the node") {
  Merge merge;
  const bool hangs = GENERATE(false, true);
  CAPTURE(hangs);
  merge.hangs = hangs;
  merge.Begin();
  CHECK(JoinMessages(merge.NextData()) == "commit");
  REQUIRE(Becomes([&] { return merge.sent.load(); }));
  merge.client->raw.connection().Reset(merge.client->stream, kCancel);
  merge.LetItArrive();
  CHECK(merge.Books(merge.id) == Shown{0, 0, 1, 0});
  merge.finish = true;
  // It ends by itself, or is reset when that takes too long.
  CHECK(merge.BecomesShown(merge.id, hangs ? Shown{1, 0, 0, 0} : Shown{1, 1, 0, 0}));
}

}  // namespace
}  // namespace praefect::test
