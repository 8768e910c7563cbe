#pragma once

// Storages and their disks. A storage that is not on the disk that the books name has lost what its
// replicas claim: their rows become suspect. What comes back with its disk is restored; a storage
// that comes back empty is taken as it is, and filled up again by copies.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datastore/bookkeeper.h"
#include "datastore/disks.h"
#include "nodes/manager.h"
#include "observe/log.h"
#include "proxy/node_client.h"
#include "replication/metrics.h"

namespace praefect::replication {

// Used by one thread. What is referred to outlives it.
class DiskWatch {
 public:
  static constexpr int kBatch = 500;  // rows that are read in one statement

  struct Context {
    datastore::Bookkeeper& keeper;
    datastore::Disks& disks;
    const proxy::NodeClient& nodes;
    // Tells whoever looks at the nodes what the books say.
    std::function<void(std::vector<nodes::ExpectedDisk>)> expect;
    observe::Logger& logger;
    Metrics& metrics;
  };

  explicit DiskWatch(Context context) : context_(std::move(context)) {}

  // Compares, and changes what has to be changed; blocks for as long as database and nodes take.
  // `stopping` is asked in between.
  void Look(const std::shared_ptr<const nodes::Snapshot>& snapshot,
            const std::function<bool()>& stopping);

 private:
  using Rows = std::vector<int64_t>;

  bool Learn(const nodes::Snapshot& snapshot);
  bool NoteNew(const nodes::Snapshot& snapshot);
  void LookAt(const proxy::NodePtr& node, const std::function<bool()>& stopping);
  std::optional<int64_t> ChangeRows(const nodes::Node& node, datastore::DiskRows which,
                                    const datastore::Rule& rule,
                                    const std::function<bool()>& stopping);
  bool ChangeEach(const nodes::Node& node, datastore::DiskRows which, const datastore::Rule& rule,
                  const std::function<bool()>& stopping, int64_t& changed);
  bool IsEmptyDisk(const proxy::NodePtr& node);
  void TakeDisk(const nodes::Node& node);
  const datastore::Disk* Find(const nodes::Node& node) const;

  const Context context_;
  std::vector<datastore::Disk> known_;
  std::string refused_;  // of an answer that was logged
};

}  // namespace praefect::replication
