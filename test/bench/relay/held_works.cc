#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "relay/callers.h"
#include "relay/failure.h"

namespace praefect::bench {
namespace {

constexpr int64_t kQuietNs = 500'000'000;  // nothing came for so long: nothing more will

class HeldWork : public Callers {
 public:
  HeldWork(const WorkOptions& options, const Method& method) : Callers(options), method_(method) {}

  void Idle() {
    ConnectAll();
    StartAll();
    WaitForEnd();
    PrintMemory();
  }

  void Open() {
    ConnectAll();
    StartAll();
    WaitUntil([this] { return answered_ == calls_.size(); }, "an answer to every call");
    PrintMemory();
  }

  // Nothing is read of the first byte on when none are to be read: streams have no window then.
  void Stall() {
    EndpointOptions endpoint;
    endpoint.manual_credit = true;
    endpoint.connection_window = (1U << 31) - 1;
    if (options_.bytes == 0) endpoint.stream_window = 0;
    ConnectAll(endpoint);
    StartAll();
    last_ns_ = NowNs();
    while (NowNs() - last_ns_ < kQuietNs) poller_.RunOnce(last_ns_ + kQuietNs);
    fmt::print("{{\"bytes\": {}}}\n", received_);
    std::fflush(stdout);
    StayUntilInputEnds();
  }

 private:
  class Input final : public Poller::Handler {
   public:
    void OnReady(bool, bool) override {
      char byte = 0;
      ended = read(STDIN_FILENO, &byte, 1) <= 0;
    }
    bool ended = false;
  };

  void StayUntilInputEnds() {
    Input input;
    poller_.Add(STDIN_FILENO, input);
    while (!input.ended) poller_.RunOnce(NowNs() + 1'000'000'000);
  }

  void PrintMemory() {
    fmt::print("{{\"resident_bytes\": {}}}\n", ProcessFigures(options_.pids).resident_bytes());
  }

  void Begin(Client& client, Call& call) override {
    client.Start(call, method_, kLargest);
    Started();
  }
  void OnMessages(Call& call, uint64_t bytes) override {
    received_ += bytes;
    last_ns_ = NowNs();
    if (method_.shape != Shape::kDownload) {
      answered_ += call.in.between_messages() ? 1 : 0;
    } else if (call.in.bytes() < options_.bytes) {
      call.client->Credit(call, bytes);
    }
  }

  static constexpr uint64_t kLargest = uint64_t{1} << 40;
  const Method& method_;
  uint64_t received_ = 0, answered_ = 0;
  int64_t last_ns_ = 0;
};

}  // namespace

void RunIdle(const WorkOptions& options) { HeldWork(options, MethodOf(Shape::kUnary)).Idle(); }

void RunOpen(const WorkOptions& options) { HeldWork(options, MethodOf(Shape::kPingPong)).Open(); }

void RunStalled(const WorkOptions& options) {
  HeldWork(options, MethodOf(Shape::kDownload)).Stall();
}

}  // namespace praefect::bench
