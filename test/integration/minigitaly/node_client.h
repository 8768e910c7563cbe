#pragma once

// A node and a client of it: the verbs of the tests of minigitaly.

#include <absl/status/statusor.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gitaly/shared.pb.h"
#include "support/minigitaly/node_process.h"

namespace praefect::test {

// The outcome of an RPC, in a form that a failed check prints.
std::string Text(const grpc::Status& status);  // "OK", or "NOT_FOUND: repository not found"

class NodeClient {
 public:
  explicit NodeClient(NodeOptions options = {});

  NodeProcess& node() { return node_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // A context with the node's token and a deadline; `metadata` is added.
  std::unique_ptr<grpc::ClientContext> Context(
      const std::map<std::string, std::string>& metadata = {},
      std::chrono::milliseconds timeout = std::chrono::seconds(30)) const;

  ::gitaly::Repository Repository(const std::string& relative_path) const;

  // Verbs; outcomes as Text gives them.
  std::string Create(const std::string& path, const std::string& branch = "main");
  std::string Exists(const std::string& path);  // "yes", "no" or an error
  std::string Remove(const std::string& path);
  std::string Rename(const std::string& path, const std::string& to);
  std::string WriteRef(const std::string& path, const std::string& ref, const std::string& revision,
                       std::chrono::milliseconds timeout = std::chrono::seconds(30));
  std::string Replicate(const std::string& path, NodeClient& source, bool with_pool = false,
                        std::chrono::milliseconds timeout = std::chrono::seconds(30));
  std::string Checksum(const std::string& path);  // the checksum or an error
  std::vector<std::string> Walk();

  // A commit with one file, pushed by stock git to `branch`; its id.
  std::string Push(const std::string& path, const std::string& branch, const std::string& content);
  // What stock git says a reference of a repository on disk is; empty without.
  std::string OnDisk(const std::string& path, const std::string& ref);
  // Git with the repository at hand on disk.
  Outcome GitIn(const std::string& path, std::vector<std::string> arguments);

 private:
  NodeProcess node_;
  std::shared_ptr<grpc::Channel> channel_;
};

// The same channel settings for every test: no connection is shared between tests.
std::shared_ptr<grpc::Channel> Connect(const std::string& address);

}  // namespace praefect::test
