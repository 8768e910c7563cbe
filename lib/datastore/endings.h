#pragma once

// Ends of calls that nobody waits for, and those of creations, which are changes of one repository.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "datastore/errands.h"
#include "datastore/lingers.h"
#include "datastore/settle_batches.h"
#include "datastore/store.h"
#include "datastore/write.h"

namespace praefect::datastore {

struct EndingsOptions {
  std::chrono::milliseconds linger;
  std::chrono::milliseconds lost_linger;
  std::chrono::milliseconds settle_timeout;
  // As Bookkeeper::Change.
  std::function<void(int64_t id, Rule, db::Deadline, Callback<Changed>)> change;
  // A write is settled, and this process has it in hand no more.
  std::function<void(int64_t intent)> released;
  std::function<void(int64_t run)> run_released;
  // A creation, before its client is told.
  std::function<void(const Write& write)> acknowledged;
};

// Thread-safe. What is referred to outlives it.
class Endings {
 public:
  Endings(EndingsOptions options, SettleBatches& settles, IntentBatches& drops,
          IntentBatches& lingering, Errands& errands, Lingers& lingers, BookkeeperMetrics& metrics);

  // The node's OK of a call that creates.
  void SettleCreation(const Write& write, std::function<void(Told)> done);
  void Finish(const Write& write, End end);
  void LoseRun(int64_t repository_id, const std::string& virtual_storage,
               const std::string& storage, int64_t run, End end, Rule release);

  // Of a dead instance: `over` when it can no longer be applied, by then as far as known.
  void Linger(const Abandoned& call, std::chrono::milliseconds time, std::function<void()> over);
  // It can no longer be applied. Writes are settled as `instance`.
  void Recover(const Abandoned& call, int64_t instance);

  void Tick();  // tells those whose time is up; often
  void Stop();  // who still waits is told kUnrecorded

 private:
  struct CreationEnd {
    Write write;
    std::function<void(Told)> done;  // empty: told
    db::Deadline since;
  };

  // Until the database takes it; `then` follows.
  void Change(int64_t id, Rule rule, std::function<void()> then = {});
  void LingerWrite(const Write& write, std::chrono::milliseconds time);
  // What a linger ends with; before that the claim of a storage that left is withdrawn.
  Lingers::Ended WithdrawnFirst(int64_t repository_id, const std::string& storage,
                                std::function<void()> then);
  void TryCreationEnd(const std::shared_ptr<CreationEnd>& end, db::Deadline deadline,
                      Errands::Taken taken);
  std::function<void(Told)> TakeDone(CreationEnd& end);
  void TellLate(db::Deadline now);

  const EndingsOptions options_;
  SettleBatches& settles_;
  IntentBatches& drops_;
  IntentBatches& lingering_;
  Errands& errands_;
  Lingers& lingers_;
  BookkeeperMetrics& metrics_;

  observe::Mutex mutex_;
  std::map<int64_t, std::shared_ptr<CreationEnd>> creations_ ABSL_GUARDED_BY(mutex_);  // by intent
};

}  // namespace praefect::datastore
