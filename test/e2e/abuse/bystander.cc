#include "e2e/abuse/bystander.h"

#include <exception>
#include <utility>

#include "support/process.h"

namespace praefect::test {
namespace {

constexpr std::chrono::seconds kLongest{60};

}  // namespace

Bystander::Bystander(std::function<std::string()> call)
    : call_(std::move(call)), thread_([this] { Run(); }) {}

Bystander::~Bystander() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

uint64_t Bystander::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::string Bystander::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

bool Bystander::Reaches(uint64_t calls) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kLongest, [&] { return calls_ >= calls || !failure_.empty(); });
  return failure_.empty() && calls_ >= calls;
}

void Bystander::Pause() {
  std::unique_lock lock(mutex_);
  paused_ = true;
  changed_.wait(lock, [this] { return idle_; });
}

void Bystander::Resume() {
  const std::lock_guard lock(mutex_);
  paused_ = false;
  changed_.notify_all();
}

void Bystander::Run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      idle_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !paused_ || stopping_; });
      if (stopping_) return;
      idle_ = false;
    }
    std::string end;
    try {
      end = call_();
    } catch (const std::exception& error) {
      end = error.what();
    }
    {
      const std::lock_guard lock(mutex_);
      if (end == "status 0") {
        calls_++;
      } else if (failure_.empty()) {
        failure_ = end;
      }
      changed_.notify_all();
    }
    PauseBetweenLooks();  // it shall not take the machine's time from the abuse
  }
}

}  // namespace praefect::test
