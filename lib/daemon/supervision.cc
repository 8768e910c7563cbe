#include "daemon/supervision.h"
#include "observe/thread.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace praefect::daemon {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// While starting: how often to look whether the nodes were probed.
constexpr milliseconds kStartingGlance{20};
// Signs of life in the time after which the service manager acts.
constexpr int kSignsPerWatchdog = 3;
// Beyond what stopping may take: for joining threads and writing the log.
constexpr milliseconds kStopMargin{10'000};

int64_t MonotonicMicroseconds() {  // CLOCK_MONOTONIC, which systemd compares it with
  return duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string StatusLine(const StatusFacts& facts) {
  std::string what = "serving";
  if (facts.stopping) {
    what = "stopping";
  } else if (!facts.not_ready.empty()) {
    what = "not ready: " + facts.not_ready;
  }
  std::string line = fmt::format("{}; {} of {} nodes up; {} calls open", what, facts.nodes_up,
                                 facts.nodes, facts.open_calls);
  if (facts.last_reload_failed) line += "; the last reload failed, see the log";
  std::replace(line.begin(), line.end(), '\n', ' ');  // a line is all the protocol takes
  return line;
}

Supervision::Supervision(Supervisor supervisor, Sources sources, observe::Logger& logger)
    : supervisor_(std::move(supervisor)), sources_(std::move(sources)), logger_(logger) {}

Supervision::~Supervision() { Stop(); }

void Supervision::Start() {
  if (!supervisor_.notify) return;
  started_ = Clock::now();
  thread_ = observe::StartThread("watchdog", [this] { Run(); });
}

void Supervision::Reloading() {
  observe::MutexLock lock(mutex_);
  if (state_ != State::kServing) return;  // READY is still to come, or never again
  reloading_ = true;
  Say(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", MonotonicMicroseconds()));
}

void Supervision::Reloaded() {
  observe::MutexLock lock(mutex_);
  if (std::exchange(reloading_, false) && state_ == State::kServing) Say("READY=1");
}

void Supervision::Stopping(milliseconds longest) {
  observe::MutexLock lock(mutex_);
  state_ = State::kStopping;
  Say(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}",
                  duration_cast<microseconds>(longest + kStopMargin).count()));
}

void Supervision::Stop() {
  {
    observe::MutexLock lock(mutex_);
    ended_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Supervision::Say(std::string lines) {
  if (!supervisor_.notify) return;
  said_.push_back(std::move(lines));
  changed_.NotifyAll();
}

void Supervision::Run() {
  do {
    SendWhatWasSaid();
    BecomeReady();
    SendSignOfLife();
    SendStatus();
  } while (WaitForNextLook());
  SendWhatWasSaid();
}

void Supervision::SendWhatWasSaid() {
  std::vector<std::string> said;
  {
    observe::MutexLock lock(mutex_);
    said.swap(said_);
  }
  for (const std::string& lines : said) supervisor_.notify(lines);
}

void Supervision::BecomeReady() {
  const bool ready = sources_.nodes_probed() || Clock::now() >= started_ + kLongestStart;
  observe::MutexLock lock(mutex_);
  if (!ready || state_ != State::kStarting) return;
  state_ = State::kServing;
  Say("READY=1");
}

void Supervision::SendSignOfLife() {
  if (supervisor_.watchdog.count() == 0) return;
  const auto interval = supervisor_.watchdog / kSignsPerWatchdog;
  const auto now = Clock::now();
  if (now < last_sign_ + interval) return;
  if (sources_.loops_live(now + interval)) {
    supervisor_.notify("WATCHDOG=1");
    last_sign_ = now;
  } else {
    logger_.Error("an event loop does not answer: no sign of life for the service manager");
  }
}

void Supervision::SendStatus() {
  std::string status = StatusLine(sources_.facts());
  if (status == shown_status_) return;
  shown_status_ = std::move(status);
  supervisor_.notify("STATUS=" + shown_status_);
}

bool Supervision::WaitForNextLook() {
  milliseconds longest = kRefresh;
  if (supervisor_.watchdog.count() > 0) {
    longest = std::min(longest,
                       duration_cast<milliseconds>(supervisor_.watchdog) / (2 * kSignsPerWatchdog));
  }
  observe::MutexLock lock(mutex_);
  if (state_ == State::kStarting) longest = kStartingGlance;
  const auto deadline = Clock::now() + longest;
  while (said_.empty() && !ended_ && changed_.WaitUntil(lock, deadline)) {
  }
  return !ended_;
}

}  // namespace praefect::daemon
