#pragma once

// A client that does nothing wrong: one call after another on one connection, on a thread of its
// own.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace praefect::test {

class Bystander {
 public:
  // `call` makes one call and tells how it ended; "status 0" is success.
  explicit Bystander(std::function<std::string()> call);
  ~Bystander();
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;

  uint64_t calls() const;  // that succeeded
  // How the first one that did not succeed ended; empty: there was none.
  std::string failure() const;
  // Until so many calls have succeeded in all; false when one failed, or it takes too long.
  bool Reaches(uint64_t calls) const;

  // Returns when no call is under way; none begins until Resume.
  void Pause();
  void Resume();

 private:
  void Run();

  const std::function<std::string()> call_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  uint64_t calls_ = 0;
  std::string failure_;
  bool paused_ = false, idle_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace praefect::test
