#pragma once

// gRPC's completion queue as something that one thread can wait on for one operation.

#include <grpcpp/completion_queue.h>

#include <chrono>
#include <map>
#include <optional>

namespace praefect::test {

// Belongs to one thread. The caller must have every operation that it started completed before
// the end.
class TagQueue {
 public:
  ~TagQueue();
  grpc::CompletionQueue* queue() { return &queue_; }
  static void* Tag(int number) { return reinterpret_cast<void*>(static_cast<intptr_t>(number)); }

  // Whether operation `tag` went well; empty when it did not complete within `patience`.
  std::optional<bool> Wait(int tag, std::chrono::milliseconds patience);
  // The next one to complete.
  std::optional<std::pair<int, bool>> WaitAny(std::chrono::milliseconds patience);

 private:
  std::optional<std::pair<int, bool>> Next(std::chrono::system_clock::time_point deadline);

  grpc::CompletionQueue queue_;
  std::map<int, bool> early_;
};

}  // namespace praefect::test
