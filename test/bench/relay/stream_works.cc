#include <fmt/format.h>

#include "relay/callers.h"

namespace praefect::bench {
namespace {

class TransferWork : public Callers {
 public:
  TransferWork(const WorkOptions& options, Shape shape)
      : Callers(options), method_(MethodOf(shape)) {}

  void Run() {
    ConnectAll();
    StartAll();
    const Counted counted = CountOver(bytes_);
    WaitForEnd();
    fmt::print("{{\"bytes\": {}, \"seconds\": {:.6f}, \"cpu_us\": {}}}\n", counted.count,
               counted.seconds, counted.cpu_us);
  }

 private:
  // Of an upload, the bytes count that left the queue: what is behind is a window at most.
  void Begin(Client& client, Call& call) override {
    client.Start(call, method_, options_.bytes);
    if (method_.shape == Shape::kUpload) {
      call.out.CountIn(bytes_);
      call.out.More(options_.bytes / kTransferBytes);
      call.out.End();
    }
    Started();
  }
  void OnMessages(Call&, uint64_t bytes) override {
    if (method_.shape == Shape::kDownload) bytes_ += bytes;
  }
  void OnFinished(Call& call) override {
    Callers::OnFinished(call);
    if (!stopping_) Begin(*call.client, call);
  }

  const Method& method_;
  uint64_t bytes_ = 0;
};

class PingPongWork : public Callers {
 public:
  using Callers::Callers;

  void Run() {
    ConnectAll();
    StartAll();
    const Counted counted = CountOver(rounds_);
    WaitForEnd();
    fmt::print("{{\"rounds\": {}, \"seconds\": {:.6f}, \"cpu_us\": {}}}\n", counted.count,
               counted.seconds, counted.cpu_us);
  }

 private:
  void Begin(Client& client, Call& call) override {
    client.Start(call, MethodOf(Shape::kPingPong));
    Started();
  }
  void OnMessages(Call& call, uint64_t) override {
    if (!call.in.between_messages()) return;
    rounds_++;
    if (stopping_) {
      call.out.End();
    } else {
      call.out.More(1);
    }
    call.client->Resume(call);
  }

  uint64_t rounds_ = 0;
};

}  // namespace

void RunTransfer(const WorkOptions& options, Shape shape) { TransferWork(options, shape).Run(); }

void RunPingPong(const WorkOptions& options) { PingPongWork(options).Run(); }

}  // namespace praefect::bench
