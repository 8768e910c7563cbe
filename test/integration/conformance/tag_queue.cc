#include "integration/conformance/tag_queue.h"

namespace praefect::test {

using Clock = std::chrono::system_clock;

TagQueue::~TagQueue() {
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

std::optional<std::pair<int, bool>> TagQueue::Next(Clock::time_point deadline) {
  void* tag = nullptr;
  bool ok = false;
  if (queue_.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) {
    return std::nullopt;
  }
  return std::pair(static_cast<int>(reinterpret_cast<intptr_t>(tag)), ok);
}

std::optional<bool> TagQueue::Wait(int tag, std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (early_.count(tag) == 0) {
    const auto event = Next(deadline);
    if (!event) return std::nullopt;
    early_.insert(*event);
  }
  const bool ok = early_[tag];
  early_.erase(tag);
  return ok;
}

std::optional<std::pair<int, bool>> TagQueue::WaitAny(std::chrono::milliseconds patience) {
  if (early_.empty()) return Next(Clock::now() + patience);
  const auto event = *early_.begin();
  early_.erase(early_.begin());
  return event;
}

}  // namespace praefect::test
