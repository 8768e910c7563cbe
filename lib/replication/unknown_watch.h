#pragma once

// Looks now and then whether unknown contents that people were told of still lie there.

#include <functional>
#include <memory>

#include "datastore/unknown_contents.h"
#include "nodes/snapshot.h"
#include "proxy/node_client.h"

namespace praefect::replication {

// Used by one thread. What is referred to outlives it.
class UnknownWatch {
 public:
  static constexpr int kBatch = 100;  // looked at in one look: those that are told of first

  UnknownWatch(datastore::UnknownContents& unknown, const proxy::NodeClient& nodes)
      : unknown_(unknown), nodes_(nodes) {}

  // Blocks for as long as database and nodes take; `stopping` is asked in between.
  void Look(const std::shared_ptr<const nodes::Snapshot>& snapshot,
            const std::function<bool()>& stopping);

 private:
  datastore::UnknownContents& unknown_;
  const proxy::NodeClient& nodes_;
};

}  // namespace praefect::replication
