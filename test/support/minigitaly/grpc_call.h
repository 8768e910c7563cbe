#pragma once

// A Call on gRPC's callback API: turns its completions into blocking reads and writes.

#include <absl/status/status.h>
#include <grpcpp/generic/async_generic_service.h>

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>

#include "call.h"

namespace praefect::minigitaly {

// Belongs to itself: goes when its thread has returned and gRPC has said OnDone.
class GrpcCall : public Call, private grpc::ServerGenericBidiReactor {
 public:
  // Runs `handler` on a thread of its own and answers with what it returns. `ended` is called as
  // the very last thing. The reactor is what gRPC wants back.
  static grpc::ServerGenericBidiReactor* Launch(grpc::GenericCallbackServerContext* context,
                                                std::function<absl::Status(GrpcCall&)> handler,
                                                std::function<void()> ended);
  ~GrpcCall() override;

  const std::string& method() const override { return method_; }
  std::optional<std::string> Metadata(std::string_view key) const override;
  bool Read(std::string* message) override;
  void StopReading() override;
  bool Write(std::string_view message) override;
  bool cancelled() const override;
  bool WaitUntilCancelled(std::optional<std::chrono::milliseconds> longest) override;
  std::unique_ptr<CancelWatch> WhenCancelled(std::function<void()> action) override;

  // All metadata; of a repeated key the first value.
  std::map<std::string, std::string> AllMetadata() const;
  // What is left until the caller's deadline.
  std::optional<std::chrono::milliseconds> Deadline() const;
  // The next message, which the next Read gives again.
  const std::string* Peek();

 private:
  class Watch;

  GrpcCall(grpc::GenericCallbackServerContext* context, std::function<void()> ended);
  bool ReadFromWire(std::string* message);
  void Answer(const absl::Status& status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  grpc::GenericCallbackServerContext* const context_;
  const std::string method_;
  const std::function<void()> ended_;
  std::shared_ptr<GrpcCall> self_;  // until OnDone

  std::mutex write_mutex_;  // one write at a time
  std::optional<std::string> peeked_;

  mutable std::mutex
      mutex_;  // guards everything below, except that buffers belong to gRPC meanwhile
  std::condition_variable changed_;
  enum class Wire { kIdle, kBusy, kDone };
  Wire reading_ = Wire::kIdle;
  Wire writing_ = Wire::kIdle;
  bool read_ok_ = false;
  bool write_ok_ = false;
  bool stop_reading_ = false;
  bool cancelled_ = false;
  std::list<Watch*> watches_;
  grpc::ByteBuffer read_buffer_;
  grpc::ByteBuffer write_buffer_;
};

}  // namespace praefect::minigitaly
