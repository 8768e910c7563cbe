#include "relay/callers.h"

#include <fmt/format.h>

#include "relay/failure.h"
#include "relay/sockets.h"

namespace praefect::bench {
namespace {

constexpr int64_t kLongestWaitNs = 20'000'000'000;
constexpr int64_t kWaitOfStarvedNs = 1'000'000'000;

int64_t Ns(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

}  // namespace

void Callers::ConnectAll(const EndpointOptions& endpoint) {
  for (size_t i = 0; i < options_.connections; ++i) {
    const int fd = Connect(options_.target.port);
    if (fd < 0) Fail(fmt::format("nobody listens at port {}", options_.target.port));
    clients_.push_back(std::make_unique<Client>(poller_, fd, options_.target, endpoint, *this));
  }
  FlushAll();
}

void Callers::StartAll() {
  for (auto& client : clients_) {
    for (size_t i = 0; i < options_.streams; ++i) Begin(*client, calls_.emplace_back());
  }
  FlushAll();
}

void Callers::FlushAll() {
  for (auto& client : clients_) client->Flush();
}

Callers::Counted Callers::CountOver(const uint64_t& count,
                                    const std::function<int64_t(int64_t)>& tick) {
  const ProcessFigures proxy(options_.pids);
  const auto run_until = [&](int64_t end_ns) {
    for (int64_t now = NowNs(); now < end_ns; now = NowNs()) {
      poller_.RunOnce(std::min(end_ns, tick(now)));
    }
  };
  run_until(NowNs() + Ns(options_.warm_up));
  Counted counted;
  const uint64_t count_before = count;
  const int64_t cpu_before_us = proxy.cpu_us();
  const int64_t begin_ns = NowNs();
  run_until(begin_ns + Ns(options_.seconds));
  counted.seconds = static_cast<double>(NowNs() - begin_ns) / 1e9;
  counted.cpu_us = proxy.cpu_us() - cpu_before_us;
  counted.count = count - count_before;
  return counted;
}

bool Callers::WaitUntil(const std::function<bool()>& condition, const char* what) {
  const int64_t end_ns = NowNs() + (options_.may_starve ? kWaitOfStarvedNs : kLongestWaitNs);
  while (!condition() && NowNs() < end_ns) poller_.RunOnce(end_ns);
  if (!condition() && !options_.may_starve) Fail(fmt::format("{} did not come", what));
  return condition();
}

bool Callers::WaitForEnd() {
  stopping_ = true;
  return WaitUntil([this] { return open_ == 0; }, "the end of all calls");
}

}  // namespace praefect::bench
