#pragma once

// What Praefect itself asks of nodes, each a call that blocks until it is answered. Paths are
// replica paths.

#include <chrono>
#include <optional>
#include <string>

#include "proxy/node_calls.h"

namespace praefect::proxy {

template <class T>
struct Asked {
  std::optional<T> value;
  NodeAnswer answer;  // why there is no value
};

// What a node finds on its disk.
struct WalkedRepository {
  std::string path;
  // Of its directory, since 1970; Gitaly before 14.10 does not tell it.
  std::optional<std::chrono::nanoseconds> modified;
};

using Gate = std::shared_ptr<const http2::SendGate>;

// Thread-safe. `calls` outlives it.
class NodeClient {
 public:
  // A question that takes longer is given up: nothing depends on its end.
  static constexpr std::chrono::seconds kQuestionTimeout{30};
  // A checksum reads every reference.
  static constexpr std::chrono::minutes kChecksumTimeout{10};
  // Fsck reads every object.
  static constexpr std::chrono::hours kFsckTimeout{6};

  // Of the paths that a node may answer.
  static constexpr size_t kMaxWalkBytes = 64 << 20;
  // Walking a storage looks at every folder: where nobody waits but a thread of our own.
  static constexpr std::chrono::minutes kWalkTimeout{10};

  explicit NodeClient(NodeCalls& calls, size_t max_walk_bytes = kMaxWalkBytes)
      : calls_(calls), max_walk_bytes_(max_walk_bytes) {}

  // Whether a repository lies there. What is no repository does not count.
  Asked<bool> Exists(const NodePtr& node, const std::string& path) const;
  // The same of several at a time; answers in their order.
  std::vector<Asked<bool>> Exists(const std::vector<NodePtr>& nodes, const std::string& path) const;
  // All repositories of each node, which walks its whole disk for them. Gitaly before 12.9 has no
  // answer.
  std::vector<Asked<std::vector<WalkedRepository>>> Walk(const std::vector<NodePtr>& nodes,
                                                         std::chrono::milliseconds timeout) const;
  // Over all references, in hexadecimal; all zeros for an empty repository.
  Asked<std::string> Checksum(const NodePtr& node, const std::string& path) const;

  // The same without waiting, and for no longer than `timeout`; `done` as in NodeCalls::Start.
  void StartChecksum(const NodePtr& node, const std::string& path,
                     std::chrono::milliseconds timeout,
                     std::function<void(Asked<std::string>)> done) const;

  // What HEAD names, "refs/heads/main"; where nothing has that name, older nodes tell another
  // branch instead, as they tell clients. Empty: there is no branch.
  Asked<std::string> DefaultBranch(const NodePtr& node, const std::string& path) const;
  // What `git fsck` finds wrong, in its own words; empty: nothing.
  Asked<std::string> Fsck(const NodePtr& node, const std::string& path) const;
  // The replica path of the object pool that a repository borrows from; empty: it has none. Gitaly
  // before 12.5 has no answer.
  Asked<std::string> PoolOf(const NodePtr& node, const std::string& path) const;
  // The filesystem_id of the node's storage, read now; empty when the node cannot tell it.
  Asked<std::string> FilesystemId(const NodePtr& node) const;
  // Whether no repository lies on the storage.
  Asked<bool> IsEmpty(const NodePtr& node) const;

  // These may change what lies at the path of `node`, and so keep a send window. They take as long
  // as they take; a node that gives no sign of life ends them.

  // `node` makes its repository equal to that of `source`, and creates it if need be. From 12.5 on.
  NodeAnswer Replicate(const NodePtr& node, const nodes::Node& source, const std::string& path,
                       Gate gate) const;
  // Makes the references of a repository that is there those of `source`. Until 14.3.
  NodeAnswer Fetch(const NodePtr& node, const nodes::Node& source, const std::string& path,
                   Gate gate) const;
  NodeAnswer Create(const NodePtr& node, const std::string& path, Gate gate) const;
  // `branch` as DefaultBranch tells it.
  NodeAnswer SetHead(const NodePtr& node, const std::string& path, const std::string& branch,
                     Gate gate) const;
  // NOT_FOUND, which later nodes answer, counts as OK.
  NodeAnswer Remove(const NodePtr& node, const std::string& path, Gate gate) const;
  // Borrows from the pool from now on; from none, with all objects its own.
  NodeAnswer LinkToPool(const NodePtr& node, const std::string& path, const std::string& pool,
                        Gate gate) const;
  NodeAnswer Unlink(const NodePtr& node, const std::string& path, Gate gate) const;
  // Removes lock files that a killed git left, among others.
  NodeAnswer CleanUp(const NodePtr& node, const std::string& path, Gate gate) const;

 private:
  std::vector<NodeAnswer> Ask(const std::vector<NodePtr>& nodes,
                              std::vector<NodeRequest> requests) const;

  NodeCalls& calls_;
  const size_t max_walk_bytes_;
};

}  // namespace praefect::proxy
