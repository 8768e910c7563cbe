#pragma once

// A client of the gRPC library: any method of any kind, one step at a time.

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "integration/conformance/grpc_node.h"
#include "integration/conformance/tag_queue.h"

namespace praefect::test {

// A channel of its own connection. `address` as in socket.h.
std::shared_ptr<grpc::Channel> Connect(const std::string& address);

// One call; belongs to one thread. Every step is bounded by kPatience, after which it is cancelled.
class GrpcCall {
 public:
  GrpcCall(std::shared_ptr<grpc::Channel> channel, std::string method, const Metadata& metadata);
  // Cancels what is not finished.
  ~GrpcCall();
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;

  // Before Start.
  grpc::ClientContext& context() { return context_; }
  GrpcCall& With(const std::string& key, const std::string& value);
  GrpcCall& Within(std::chrono::milliseconds timeout);
  GrpcCall& Gzipped();

  GrpcCall& Start();
  bool Write(const std::string& message, bool compress = true);
  void HalfClose();
  bool WaitHeaders();
  std::optional<std::string> Read();
  grpc::Status Finish();
  void Cancel() { context_.TryCancel(); }

  // All at once: starts, writes `requests` while it reads, half-closes, reads to the end, finishes.
  grpc::Status Exchange(const std::vector<std::string>& requests);
  const std::vector<std::string>& answers() const { return answers_; }

  Metadata headers() const;
  Metadata trailers() const;

 private:
  bool Await(int tag);

  std::shared_ptr<grpc::Channel> channel_;
  const std::string method_;
  TagQueue tags_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool finished_ = false;
  std::vector<std::string> answers_;
};

}  // namespace praefect::test
