#include "datastore/endings.h"

#include <utility>

#include "datastore/changes.h"

namespace praefect::datastore {
namespace {

using observe::MutexLock;
using SteadyClock = db::Deadline::clock;

SettleRequest FailedSettle(int64_t intent, int64_t repository_id, std::string storage,
                           int64_t term) {
  return {.intent = intent,
          .repository_id = repository_id,
          .storage = std::move(storage),
          .term = term};
}

// What a creation's end may tell its client. One that is repeated, because its outcome was unknown,
// finds the repository live.
Told Judge(const Repository& repository, const Write& write) {
  if (repository.books.state == RepositoryState::kRemoving) return Told::kGone;
  const bool holds = repository.books.state == RepositoryState::kLive &&
                     repository.Name(repository.books.primary) == write.storage &&
                     repository.books.term == write.term;
  return holds ? Told::kAcknowledged : Told::kNotKept;
}

}  // namespace

Endings::Endings(EndingsOptions options, SettleBatches& settles, IntentBatches& drops,
                 IntentBatches& lingering, Errands& errands, Lingers& lingers,
                 BookkeeperMetrics& metrics)
    : options_(std::move(options)),
      settles_(settles),
      drops_(drops),
      lingering_(lingering),
      errands_(errands),
      lingers_(lingers),
      metrics_(metrics) {}

void Endings::Change(int64_t id, Rule rule, std::function<void()> then) {
  errands_.Add([this, id, rule = std::move(rule), then = std::move(then)](db::Deadline deadline,
                                                                          Errands::Taken taken) {
    options_.change(id, rule, deadline, [taken = std::move(taken), then](Result<Changed> result) {
      taken(result.ok());
      if (result.ok() && then) then();
    });
  });
}

void Endings::SettleCreation(const Write& write, std::function<void(Told)> done) {
  const auto end =
      std::make_shared<CreationEnd>(CreationEnd{write, std::move(done), SteadyClock::now()});
  {
    const MutexLock lock(mutex_);
    creations_[write.intent] = end;
  }
  errands_.Add([this, end](db::Deadline deadline, Errands::Taken taken) {
    TryCreationEnd(end, deadline, std::move(taken));
  });
}

void Endings::TryCreationEnd(const std::shared_ptr<CreationEnd>& end, db::Deadline deadline,
                             Errands::Taken taken) {
  bool told = false;
  {
    const MutexLock lock(mutex_);
    told = !end->done;
  }
  const auto judged = std::make_shared<Told>(Told::kGone);
  const Rule rule = [end, judged, told](Repository& repository) {
    const bool changed = EndCreation(end->write.intent, true, told)(repository);
    *judged = Judge(repository, end->write);
    return changed;
  };
  options_.change(end->write.repository_id, rule, deadline,
                  [this, end, judged, taken = std::move(taken)](Result<Changed> result) {
                    if (!result.ok()) return taken(false);
                    const std::function<void(Told)> done = TakeDone(*end);
                    metrics_.settle_delay.Observe(
                        std::chrono::duration<double>(SteadyClock::now() - end->since).count());
                    (*judged == Told::kAcknowledged ? metrics_.acknowledged
                     : *judged == Told::kNotKept    ? metrics_.not_kept
                                                    : metrics_.gone)
                        .Increment();
                    if (*judged == Told::kAcknowledged) options_.acknowledged(end->write);
                    options_.released(end->write.intent);
                    if (done) done(*judged);
                    taken(true);
                  });
}

std::function<void(Told)> Endings::TakeDone(CreationEnd& end) {
  const MutexLock lock(mutex_);
  creations_.erase(end.write.intent);
  return std::exchange(end.done, nullptr);
}

void Endings::Finish(const Write& write, End end) {
  if (end == End::kNeverSent) {
    metrics_.dropped.Increment();
    const auto released = [this, intent = write.intent] { options_.released(intent); };
    // Nobody may take it for one that was forgotten before its row has gone.
    if (write.creates) {
      return Change(write.repository_id, WithdrawCreation(write.intent), released);
    }
    drops_.Add({write.intent});
    return released();
  }
  if (write.creates) {
    Change(write.repository_id, AbandonCreation(write.intent));
    if (write.storage.empty()) return options_.released(write.intent);
  } else {
    lingering_.Add({write.intent});
  }
  LingerWrite(write, end == End::kAnswered ? options_.linger : options_.lost_linger);
}

void Endings::LingerWrite(const Write& write, std::chrono::milliseconds time) {
  const auto settle = [this, write] {
    settles_.Add(write.instance,
                 FailedSettle(write.intent, write.repository_id, write.storage, write.term), {});
  };
  lingers_.Add(write.name.virtual_storage, write.storage, time,
               WithdrawnFirst(write.repository_id, write.storage, settle));
}

// What a storage that left still does is not seen by anybody: its replica claims nothing more.
Lingers::Ended Endings::WithdrawnFirst(int64_t repository_id, const std::string& storage,
                                       std::function<void()> then) {
  return [=, this, then = std::move(then)](bool left) {
    if (!left) return then();
    Change(repository_id, WithdrawClaimOf(storage), then);
  };
}

void Endings::LoseRun(int64_t repository_id, const std::string& virtual_storage,
                      const std::string& storage, int64_t run, End end, Rule release) {
  const auto ended = [this, repository_id, run, release = std::move(release)] {
    Change(repository_id, release, [this, run] { options_.run_released(run); });
  };
  if (end == End::kNeverSent) return ended();
  Change(repository_id, datastore::LoseRun(storage, run));
  lingers_.Add(virtual_storage, storage,
               end == End::kAnswered ? options_.linger : options_.lost_linger,
               WithdrawnFirst(repository_id, storage, ended));
}

void Endings::Linger(const Abandoned& call, std::chrono::milliseconds time,
                     std::function<void()> over) {
  if (call.run) {
    if (!call.lingering) Change(call.repository_id, datastore::LoseRun(call.storage, call.id));
  } else if (call.creating) {
    Change(call.repository_id, AbandonCreation(call.id));
    if (call.storage.empty()) return over();
  } else if (!call.lingering) {
    lingering_.Add({call.id});
  }
  lingers_.Add(call.virtual_storage, call.storage, time,
               WithdrawnFirst(call.repository_id, call.storage, std::move(over)));
}

void Endings::Recover(const Abandoned& call, int64_t instance) {
  if (call.run) {
    metrics_.recovered_runs.Increment();
    return Change(call.repository_id, ReleaseRun(call.storage, call.id));
  }
  metrics_.recovered_writes.Increment();
  if (call.storage.empty()) return Change(call.repository_id, AbandonCreation(call.id));
  settles_.Add(instance, FailedSettle(call.id, call.repository_id, call.storage, call.term), {});
}

void Endings::Tick() { TellLate(SteadyClock::now()); }

void Endings::TellLate(db::Deadline now) {
  std::vector<std::function<void(Told)>> late;
  {
    const MutexLock lock(mutex_);
    for (auto& [intent, end] : creations_) {
      if (end->done && (now - end->since >= options_.settle_timeout)) {
        late.push_back(std::exchange(end->done, nullptr));
      }
    }
  }
  metrics_.unrecorded.Increment(static_cast<double>(late.size()));
  for (const auto& done : late) done(Told::kUnrecorded);
}

void Endings::Stop() { TellLate(db::Deadline::max()); }

}  // namespace praefect::datastore
