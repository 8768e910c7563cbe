#pragma once

// Takes surveys of the books on a thread of its own, one at a time: now and then for the metrics,
// and when somebody asks. So neither scrapes nor whoever asks for the state, however often, take
// more than one connection from the data plane.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "observe/registry.h"
#include "service/survey.h"

namespace praefect::service {

class Surveyor {
 public:
  // Between two surveys that nobody asked for; longer where one takes long, so that they take at
  // most a fiftieth of one connection's time.
  static constexpr std::chrono::seconds kPeriod{30};
  static constexpr int kRestPerWork = 50;
  // Of those who wait for the next one.
  static constexpr size_t kMaxWaiting = 100;

  struct Sources {
    db::Database& database;  // outlives it, what was asked included
    std::function<std::shared_ptr<const nodes::Snapshot>()> snapshot;
    observe::Registry& registry;  // outlives it, and shows what was found last
  };

  explicit Surveyor(Sources sources);
  ~Surveyor();  // Stop
  Surveyor(const Surveyor&) = delete;
  Surveyor& operator=(const Surveyor&) = delete;

  // Called once, on the surveyor's thread, which it must not hold up; null: it was stopped.
  using Done = std::function<void(std::shared_ptr<const Survey>)>;
  // What the next survey finds, which begins when none is under way. False, and nothing is called,
  // when too many wait already. Any thread.
  bool Ask(Done done);
  // Waits for no statement.
  void Stop();

 private:
  void Run();
  // Who waits for the survey that begins now; returns when one is due. False: it is over.
  bool WaitUntilDue(std::vector<Done>& waiting);
  bool stopping() const;

  class Latest;  // what the metrics show

  const Sources sources_;
  const std::shared_ptr<Latest> latest_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;                         // guarded by mutex_
  std::vector<Done> waiting_;                     // likewise
  std::chrono::steady_clock::time_point next_{};  // of the thread
  std::thread thread_;
};

}  // namespace praefect::service
