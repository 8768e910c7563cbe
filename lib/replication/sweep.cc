#include "replication/sweep.h"

#include <utility>

#include "datastore/await.h"
#include "replication/job_run.h"

namespace praefect::replication {

bool Sweep::Step(const std::function<bool()>& stopping) {
  const auto found = datastore::Await<datastore::MissingJobs>([&](auto done) {
    keeper_.store().FindMissingJobs(after_, kBatch, db::After(kBooksTimeout), std::move(done));
  });
  bool answers = found.ok();
  for (const int64_t id : found.value.repositories) {
    if (!answers || stopping()) break;
    answers = Make(id);
  }
  after_ = answers ? found.value.last : 0;
  if (after_ != 0) return false;
  if (made_ > 0) {
    logger_.Info("jobs were missing and have been made", {{"repositories", made_}});
  }
  made_ = 0;
  return true;
}

bool Sweep::Make(int64_t repository_id) {
  const auto changed = datastore::Await<datastore::Changed>([&](auto done) {
    keeper_.Change(repository_id, datastore::WantMissingJobs(), db::After(kBooksTimeout),
                   std::move(done));
  });
  if (!changed.ok()) return false;
  if (changed.value != datastore::Changed::kDone) return true;  // it has none missing any more
  ++made_;
  metrics_.swept.Increment();
  return true;
}

}  // namespace praefect::replication
