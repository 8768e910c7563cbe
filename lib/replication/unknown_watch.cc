#include "replication/unknown_watch.h"

#include <utility>

#include "datastore/await.h"
#include "replication/job_run.h"

namespace praefect::replication {

using datastore::Await;

void UnknownWatch::Look(const std::shared_ptr<const nodes::Snapshot>& snapshot,
                        const std::function<bool()>& stopping) {
  if (snapshot == nullptr) return;
  auto listed = Await<datastore::UnknownContentsFound>(
      [&](auto done) { unknown_.List(kBatch, db::After(kBooksTimeout), std::move(done)); });
  for (datastore::UnknownContent& content : listed.value.first) {
    if (stopping()) return;
    const auto node = proxy::FindNode(snapshot, content.virtual_storage, content.storage);
    if (node != nullptr && node->health != nodes::Health::kUp) continue;
    if (node != nullptr) {
      const auto exists = nodes_.Exists(node, content.relative_path);
      if (!exists.value) return;  // in the next look, perhaps
      if (*exists.value) continue;
    }
    Await<bool>([&](auto done) {
      unknown_.Forget(std::move(content), db::After(kBooksTimeout), std::move(done));
    });
  }
  Await<int64_t>([&](auto done) { unknown_.Tidy(db::After(kBooksTimeout), std::move(done)); });
}

}  // namespace praefect::replication
