#pragma once

// Three real storage nodes, the books in an embedded store, and the replicator between them: what a
// running Praefect does with replicas, without its data plane. The tests write to the primary's
// disk as a client's call would have had it done, and record that in the books.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "db/sqlite.h"
#include "e2e/storage_node.h"
#include "gitaly/method.h"
#include "proxy/caretaker.h"
#include "proxy/clerk.h"
#include "replication/replicator.h"
#include "replication/upkeep.h"

namespace praefect::test {

class Replicas {
 public:
  // The Gitaly that each node plays, "12.9"; a new one where nothing is said.
  explicit Replicas(const std::vector<std::string>& releases = {});
  ~Replicas();

  StorageNode& node(size_t index) { return *nodes_.at(index); }
  datastore::Bookkeeper& keeper() { return *keeper_; }
  proxy::Clerk& clerk() { return *clerk_; }
  proxy::UnderMaintenance& maintenance() { return maintenance_; }
  // OptimizeRepository, which the first node has had from a client, for the others; two
  // repositories at a time.
  void TidyOthers(int64_t id);
  // The sum over the series of a metric that have this label's value; without one over all.
  double Metric(const std::string& name, const std::string& label_value = "") const;
  proxy::NodeCalls& calls() { return *calls_; }
  observe::Logger& logger() { return *logger_; }
  std::shared_ptr<const nodes::Snapshot> snapshot() const;
  // This node's storage is designated from now on; nobody acts on it.
  void Designate(size_t index);
  // What Praefect believes of a node from now on.
  void SetHealth(size_t index, nodes::Health health);

  // A live repository with its primary on the first node, empty there.
  int64_t Make(const std::string& path);
  // Recorded, and not ended.
  datastore::Write Open(int64_t id);
  // One commit more on a branch of the primary, acknowledged.
  void Write(int64_t id, const std::string& branch);
  // Nobody vouches for the replica any more.
  void Withdraw(int64_t id, size_t index);
  // As another Praefect records a copy from the primary, from its start to its proof.
  void Copied(int64_t id, size_t index);
  // It takes the writes from now on.
  void Promote(int64_t id, size_t index);
  // Removed by the books, deletes due.
  void Remove(int64_t id);

  // The end of a call that the clerk let begin: the node said OK, or it was never sent.
  datastore::Told Settle(const datastore::Write& write);

  datastore::Repository Get(int64_t id);
  std::optional<datastore::Repository> FindName(const std::string& path);
  bool Exists(int64_t id);
  const datastore::Job& JobOn(int64_t id, size_t index);
  // Every replica is current and verified, and nothing is to be done.
  bool IsWhole(int64_t id);
  bool WaitUntilWhole(int64_t id);
  // The references of all nodes are those of the first.
  bool HaveEqualRefs(const std::string& path);

 private:
  void Publish();
  void Change(int64_t id, datastore::Rule rule);

  TemporaryDirectory directory_;
  std::vector<std::unique_ptr<StorageNode>> nodes_;
  std::unique_ptr<observe::Logger> logger_;
  observe::Registry registry_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<datastore::Store> store_;
  std::unique_ptr<datastore::Disks> disks_;
  std::unique_ptr<datastore::UnknownContents> unknown_;
  http2::MemoryMeter memory_;
  net::Resolver resolver_;
  std::unique_ptr<proxy::NodeCalls> calls_;
  std::unique_ptr<proxy::NodeClient> client_;
  proxy::UnderMaintenance maintenance_;
  std::unique_ptr<replication::Metrics> metrics_;
  std::unique_ptr<replication::Replicator> replicator_;
  std::unique_ptr<datastore::Bookkeeper> keeper_;
  std::unique_ptr<proxy::Clerk> clerk_;
  std::unique_ptr<const gitaly::MethodRegistry> methods_;
  std::unique_ptr<proxy::Caretaker> caretaker_;
  std::unique_ptr<replication::Upkeep> upkeep_;
  datastore::Repository last_;

  mutable std::mutex mutex_;
  std::vector<nodes::Health> health_;                // guarded by mutex_
  std::string designated_;                           // likewise
  std::shared_ptr<const nodes::Snapshot> snapshot_;  // likewise
  std::vector<nodes::ExpectedDisk> expected_disks_;  // likewise
};

}  // namespace praefect::test
