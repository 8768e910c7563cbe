#pragma once

// A storage node on the gRPC library: any method of any kind, answered by a script.

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "integration/conformance/tag_queue.h"

namespace praefect::test {

using Metadata = std::multimap<std::string, std::string>;

// What a node knows of one call.
struct SeenCall {
  std::string method;
  Metadata metadata;
  std::optional<std::chrono::milliseconds> time_left;  // when it came in; empty: no deadline
  std::vector<std::string> messages;
  bool half_closed = false;
  bool cancelled = false;
  bool over = false;
};

// One call as its script sees it; belongs to the thread that runs the script.
class NodeCall {
 public:
  NodeCall();
  const std::string& method() const { return context_.method(); }
  Metadata metadata() const;

  std::optional<std::string> Read();  // empty: half-closed or broken
  bool Write(const std::string& message, bool compress = true);
  void SendHeaders();
  void AddHeader(const std::string& key, const std::string& value);
  void AddTrailer(const std::string& key, const std::string& value);
  void CompressWithGzip();
  void Finish(const grpc::Status& status);
  // True once the caller gave up.
  bool WaitCancelled();

 private:
  friend class GrpcNode;
  using Change = std::function<void(SeenCall&)>;

  TagQueue tags_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  bool finished_ = false;
  bool done_ = false;
  std::function<void(const Change&)> record_ = [](const Change&) {};
};

// The storage "gitaly-1". Answers Praefect's own questions (health, token, whether a repository is
// there: it is) and the creation of a repository well, which do not count as calls.
class GrpcNode {
 public:
  using Script = std::function<void(NodeCall&)>;
  // `address` as in socket.h; port 0: any. Throws when it cannot be bound.
  GrpcNode(const std::string& address, Script script);
  ~GrpcNode();
  GrpcNode(const GrpcNode&) = delete;
  GrpcNode& operator=(const GrpcNode&) = delete;

  const std::string& address() const { return address_; }
  int calls() const;
  // As far as call number `index` (from 0) got. Waits until it came, throws when it does not.
  SeenCall Seen(int index = 0) const;
  // As above, and waits for `until` to hold of it.
  SeenCall SeenWhen(int index, const std::function<bool(const SeenCall&)>& until) const;

 private:
  void RequestNext();
  void Loop();
  void Run(NodeCall& call);
  SeenCall& Book(NodeCall& call);

  const Script script_;
  std::string address_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> incoming_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<NodeCall> next_;        // of the loop
  std::list<std::thread> calls_running_;  // of the loop
  std::thread loop_;

  std::mutex request_mutex_;
  bool stopping_ = false;  // guarded by request_mutex_: gRPC aborts on a request after shutdown

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<SeenCall> seen_;  // guarded by mutex_
};

// Scripts.
void Echo(NodeCall& call);                                   // every message back at once, then OK
void Hang(NodeCall& call);                                   // nothing until the caller gives up
GrpcNode::Script Answer(std::vector<std::string> messages);  // reads to the end, then these, OK
GrpcNode::Script Refuse(grpc::Status status);                // trailers only

}  // namespace praefect::test
