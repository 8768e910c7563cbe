// Much at once: large messages in little memory, many streams, and cancellations among them.

#include <atomic>
#include <thread>

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

using Messages = std::vector<std::string>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr size_t kLargeBytes = 64 << 20;
constexpr size_t kMaxGrowthBytes = 4 << 20;

// How far resident memory rises above where it was at first, sampled all the time.
class MemoryWatch {
 public:
  explicit MemoryWatch(const PraefectProcess& process)
      : process_(process), before_(process.resident_bytes()), watcher_([this] { Watch(); }) {}
  ~MemoryWatch() { Growth(); }

  size_t Growth() {
    stop_ = true;
    if (watcher_.joinable()) watcher_.join();
    return most_ > before_ ? most_ - before_ : 0;
  }

 private:
  void Watch() {
    while (!stop_) {
      most_ = std::max(most_, process_.resident_bytes());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    most_ = std::max(most_, process_.resident_bytes());
  }

  const PraefectProcess& process_;
  const size_t before_;
  size_t most_ = 0;
  std::atomic<bool> stop_{false};
  std::thread watcher_;
};

class Load : public Conformance {
 protected:
  // Runs `transfer` after one small call, and checks what it cost Praefect.
  template <typename Transfer>
  void InLittleMemory(Transfer transfer) {
    auto warm = Call(kBidi);
    CHECK_OK(warm.Exchange({Sent(), "x"}));
    if (direct()) return transfer();
    MemoryWatch watch(praefect());
    transfer();
    const size_t growth = watch.Growth();
    if (kSanitized) {
      WARN("under a sanitizer, whose memory is not ours: grew by " << growth << " bytes");
    } else {
      CHECK(growth < kMaxGrowthBytes);
    }
  }
};

TEST_CASE_METHOD(Load, "a message of 64 MiB up") {
  Serve([](NodeCall& call) {
    call.Read();
    call.Write(call.Read() == Pattern(kLargeBytes) ? "same" : "damaged");
  });
  InLittleMemory([this] {
    auto call = Call(kClientStream);
    CHECK_OK(call.Exchange({Sent(), Pattern(kLargeBytes)}));
    CHECK(call.answers() == Messages{"same"});
  });
}

TEST_CASE_METHOD(Load, "a message of 64 MiB down") {
  Serve([](NodeCall& call) {
    while (call.Read()) {
    }
    call.Write(call.method() == kServerStream ? Pattern(kLargeBytes) : "warm");
  });
  InLittleMemory([this] {
    auto call = Call(kServerStream);
    CHECK_OK(call.Exchange({Sent()}));
    CHECK((call.answers() == Messages{Pattern(kLargeBytes)}));
  });
}

TEST_CASE_METHOD(Load, "64 MiB in small messages each way") {
  Serve(Echo);
  InLittleMemory([this] {
    const Messages parts(2'048, Pattern(32 << 10));
    Messages sent{Sent()};
    sent.insert(sent.end(), parts.begin(), parts.end());
    auto call = Call(kBidi);
    CHECK_OK(call.Exchange(sent));
    CHECK(call.answers().size() == sent.size());
    CHECK((Messages(call.answers().begin() + 1, call.answers().end()) == parts));
  });
}

TEST_CASE_METHOD(Conformance, "many concurrent streams on one connection") {
  const uint32_t count = GENERATE(100, 1'000);
  Serve(Echo);
  std::list<GrpcCall> calls;
  for (uint32_t i = 0; i < count; ++i) {
    calls.emplace_back(channel(), kBidi, Token());
    calls.back().Start().Write(Sent(Pattern(100, i)));
  }
  uint32_t good = 0, i = 0;
  for (GrpcCall& call : calls) good += call.Read() == Seen(Pattern(100, i++));
  for (GrpcCall& call : calls) call.Write("again");
  for (GrpcCall& call : calls) good += call.Read() == "again";
  for (GrpcCall& call : calls) call.HalfClose();
  for (GrpcCall& call : calls) good += call.Finish().ok();
  CHECK(good == 3 * count);
  CHECK(node_calls() == static_cast<int>(count));
}

constexpr uint32_t kParts = 30;

// Answers with kParts messages that follow from what was asked.
void SendPattern(NodeCall& call) {
  const auto request = call.Read();
  const auto seed = static_cast<uint32_t>(std::stoul(request->substr(request->size() - 6)));
  for (uint32_t i = 0; i < kParts && call.Write(Pattern(5'000 + i, seed + i)); ++i) {
  }
}

TEST_CASE_METHOD(Conformance, "content is right while half of the calls are cancelled") {
  Serve(SendPattern);
  std::atomic<int> wrong{0}, whole{0};
  const auto client = [&](uint32_t first) {
    for (uint32_t seed = first; seed < first + 50; ++seed) {
      GrpcCall call(channel(), kServerStream, Token());
      call.Start().Write(Sent(std::to_string(seed)));
      const uint32_t wanted = seed % 2 == 0 ? kParts : seed % kParts;
      for (uint32_t i = 0; i < wanted; ++i) wrong += call.Read() != Pattern(5'000 + i, seed + i);
      if (wanted < kParts) continue;  // the call's end cancels it
      call.HalfClose();
      whole += !call.Read() && call.Finish().ok();
    }
  };
  std::list<std::thread> clients;
  for (uint32_t i = 1; i <= 8; ++i) clients.emplace_back(client, i * 100'000);
  for (std::thread& thread : clients) thread.join();
  CHECK(wrong == 0);
  CHECK(whole == 200);
}

}  // namespace
}  // namespace praefect::test
