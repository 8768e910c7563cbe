#pragma once

// The link of a repository to its object pool, as one copy mirrors it: by Gitaly's own means, and
// only once the pool is current on the target, since a link to less would leave the member without
// objects. Blocks.

#include <functional>
#include <string>

#include "datastore/bookkeeper.h"
#include "proxy/node_client.h"

namespace praefect::replication {

class PoolLink {
 public:
  struct Context {  // what is referred to outlives it
    datastore::Bookkeeper& keeper;
    const proxy::NodeClient& nodes;
    std::string virtual_storage;
    std::string replica_path;  // of the member
  };

  explicit PoolLink(Context context) : context_(std::move(context)) {}

  // What the source has, before the copy begins. A text: the member has to wait, and why; then the
  // pool's own copy is wanted. A pool that the books do not know, or that is not to be on the
  // target, is not linked to; nor one that the source cannot tell (before 12.5).
  std::string Look(const proxy::NodePtr& source, const std::string& target);

  // After the copy: makes the target's link equal, with a gate for each call that changes it. What
  // a node refuses is an answer that is not OK; the copy is complete without the link.
  proxy::NodeAnswer Mirror(const proxy::NodePtr& target,
                           const std::function<proxy::Gate()>& gate) const;

 private:
  const Context context_;
  bool known_ = false;  // what the source has
  std::string pool_;    // its replica path; empty: none
};

}  // namespace praefect::replication
