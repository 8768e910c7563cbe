#pragma once

// Tells a service manager how this process is, in the lines of sd_notify(3): that it is ready,
// reads its configuration again, stops; one line of state; and that its event loops live.

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "observe/log.h"
#include "observe/mutex.h"

namespace praefect::daemon {

// The service manager, as the environment named it.
struct Supervisor {
  // Sends it lines; empty: there is none. Called from one thread.
  std::function<void(const std::string& lines)> notify;
  std::chrono::microseconds watchdog{0};  // without a sign of life for so long it acts; 0: never
};

struct StatusFacts {
  bool stopping = false;
  std::string not_ready;  // the first reason; empty: ready
  size_t nodes_up = 0, nodes = 0;
  int64_t open_calls = 0;
  bool last_reload_failed = false;
};
// "serving; 3 of 3 nodes up; 12 calls open"
std::string StatusLine(const StatusFacts& facts);

class Supervision {
 public:
  // How soon a changed state is shown.
  static constexpr std::chrono::milliseconds kRefresh{2'000};
  // READY comes when every node was probed, and after so long in any case: dead nodes must not
  // make a start fail.
  static constexpr std::chrono::milliseconds kLongestStart{5'000};

  struct Sources {  // called from a thread of the supervision
    std::function<StatusFacts()> facts;
    std::function<bool()> nodes_probed;
    // Whether every event loop did something before the deadline.
    std::function<bool(std::chrono::steady_clock::time_point deadline)> loops_live;
  };

  Supervision(Supervisor supervisor, Sources sources, observe::Logger& logger);
  ~Supervision();  // stops
  Supervision(const Supervision&) = delete;
  Supervision& operator=(const Supervision&) = delete;

  // Any thread; without a supervisor none of these does anything.
  void Start();  // once everything listens
  void Reloading();
  void Reloaded();
  void Stopping(std::chrono::milliseconds longest);  // how long it may take
  void Stop();                                       // says what is left to say, and joins

 private:
  using Clock = std::chrono::steady_clock;
  enum class State { kStarting, kServing, kStopping };

  void Run();
  void Say(std::string lines) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendWhatWasSaid();
  void BecomeReady();
  void SendSignOfLife();
  void SendStatus();
  // Until something was said, or the next look is due; false at the end.
  bool WaitForNextLook();

  const Supervisor supervisor_;
  const Sources sources_;
  observe::Logger& logger_;

  // The thread's.
  Clock::time_point started_, last_sign_;
  std::string shown_status_;

  observe::Mutex mutex_;
  observe::Condition changed_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kStarting;
  bool reloading_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::string> said_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace praefect::daemon
