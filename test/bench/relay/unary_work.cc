#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "relay/callers.h"

namespace praefect::bench {
namespace {

class UnaryWork : public Callers {
 public:
  using Callers::Callers;

  // A call on every stream, always.
  void Saturate() {
    ConnectAll();
    StartAll();
    Print(CountOver(finished_), "");
  }

  // At a steady pace, on one connection after another.
  void Pace() {
    ConnectAll();
    const int64_t interval_ns = 1'000'000'000 / static_cast<int64_t>(options_.rate);
    int64_t due_ns = NowNs();
    paced_ = true;
    const auto start_what_is_due = [&](int64_t now) {
      for (; due_ns <= now; due_ns += interval_ns) StartPaced(due_ns);
      return due_ns;
    };
    counted_from_ns_ = due_ns + static_cast<int64_t>(options_.warm_up * 1e9);
    const Counted counted = CountOver(finished_, start_what_is_due);
    std::sort(latencies_ns_.begin(), latencies_ns_.end());
    Print(counted, fmt::format(", \"p50_us\": {:.1f}, \"p99_us\": {:.1f}", PercentileUs(50),
                               PercentileUs(99)));
  }

 private:
  void StartPaced(int64_t due_ns) {
    Client& client = *clients_[next_++ % clients_.size()];
    if (free_.empty()) free_.push_back(&calls_.emplace_back());
    Call& call = *free_.back();
    free_.pop_back();
    call.due_ns = due_ns;
    Begin(client, call);
    client.Flush();
  }

  void Begin(Client& client, Call& call) override {
    client.Start(call, kMethods[next_method_++ % kUnaryMethods]);
    Started();
  }

  void OnFinished(Call& call) override {
    Callers::OnFinished(call);
    finished_++;
    if (paced_) {
      if (call.due_ns >= counted_from_ns_) latencies_ns_.push_back(NowNs() - call.due_ns);
      free_.push_back(&call);
    } else if (!stopping_) {
      Begin(*call.client, call);
    }
  }

  double PercentileUs(size_t percent) const {
    if (latencies_ns_.empty()) return 0;
    return static_cast<double>(latencies_ns_[latencies_ns_.size() * percent / 100]) / 1000;
  }

  void Print(const Counted& counted, const std::string& more) {
    WaitForEnd();
    fmt::print("{{\"calls\": {}, \"seconds\": {:.6f}, \"cpu_us\": {}{}}}\n", counted.count,
               counted.seconds, counted.cpu_us, more);
  }

  uint64_t finished_ = 0;
  size_t next_ = 0, next_method_ = 0;
  bool paced_ = false;
  int64_t counted_from_ns_ = 0;
  std::vector<int64_t> latencies_ns_;
  std::vector<Call*> free_;
};

class RecordWork : public Callers {
 public:
  using Callers::Callers;

  void Run() {
    ConnectAll();
    StartAll();
    WaitForEnd();
    fmt::print("{{\"calls\": {}}}\n", calls_.size());
  }

 private:
  void Begin(Client& client, Call& call) override {
    client.Start(call, kMethods.back());
    Started();
  }
};

}  // namespace

void RunRecord(const WorkOptions& options) {
  WorkOptions once = options;
  once.connections = 1;
  once.streams = kRepositories;
  RecordWork(once).Run();
}

void RunUnary(const WorkOptions& options) {
  UnaryWork work(options);
  if (options.rate > 0) {
    work.Pace();
  } else {
    work.Saturate();
  }
}

}  // namespace praefect::bench
