#include "datastore/bookkeeper.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "datastore/bookkeeper_metrics.h"
#include "datastore/endings.h"
#include "datastore/errands.h"
#include "datastore/held_writes.h"
#include "datastore/in_flight.h"
#include "datastore/instance.h"
#include "datastore/lost_commits.h"
#include "datastore/open_batches.h"
#include "datastore/recovery.h"
#include "datastore/settle_batches.h"
#include "db/stop_signal.h"
#include "observe/thread.h"

namespace praefect::datastore {
namespace {

// How often deadlines, repetitions and lingers are looked at.
constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::minutes kSweepInterval{1};
// What a gap between two looks at the nodes counts for at most.
constexpr std::chrono::milliseconds kLongestGap{1'000};
// For settles that are under way when the process stops.
constexpr std::chrono::milliseconds kLastSettles{5'000};

}  // namespace

// Members are in the order in which they may use each other.
class Bookkeeper::Impl {
 public:
  Impl(Store& store, BookkeeperOptions options, AskNode ask_node, BookkeeperEvents events,
       observe::Logger& logger, observe::Registry& registry)
      : store_(store),
        options_(std::move(options)),
        ask_node_(std::move(ask_node)),
        events_(std::move(events)),
        metrics_(registry),
        routes_(store, options_.routes, options_.clock),
        instance_(store, routes_, InstanceOptionsOf(), InstanceEventsOf(), logger),
        drops_(options_.max_batch, DropSender(), in_flight_),
        lingering_(options_.max_batch, LingerSender(), in_flight_),
        errands_(in_flight_),
        lingers_(kLongestGap),
        opens_(store, instance_, OpensOptions(), in_flight_, metrics_, logger),
        settles_(store, SettlesOptions(), in_flight_, metrics_, logger),
        lost_(LostCommitsOptionsOf(), errands_, logger),
        endings_(EndingsOptionsOf(), settles_, drops_, lingering_, errands_, lingers_, metrics_),
        recovery_(store, RecoveryOptionsOf(), in_flight_, logger) {
    instance_.Start();
    upkeep_ = observe::StartThread("books-upkeep", [this] { Upkeep(); });
  }

  ~Impl() {
    opens_.Stop();
    const db::Deadline end = db::After(kLastSettles);
    settles_.Drain(end);
    errands_.Drain(end);
    stop_.Stop();
    upkeep_.join();
    settles_.Stop();
    endings_.Stop();
    errands_.Stop();
    drops_.Stop();
    lingering_.Stop();
    recovery_.Stop();
    instance_.Stop();
    in_flight_.Wait();
  }

  void Find(const RepositoryName& name, Routes::Done done) {
    routes_.Find(name, [this, storage = name.virtual_storage, done = std::move(done),
                        token = in_flight_.Begin()](Routed routed) {
      metrics_.CountFind(storage, routed);
      done(std::move(routed));
    });
  }

  bool Holds(const RoutedRepository& route) const { return routes_.Holds(route); }

  void Open(OpenRequest request, db::Deadline deadline, OpenBatches::Done done) {
    opens_.Add(std::move(request), deadline, std::move(done));
  }

  void Create(Creation creation, db::Deadline deadline,
              std::function<void(Opened, std::string)> done) {
    if (!instance_.MayOpen()) {
      metrics_.unavailable.Increment();
      return done({.why = "the creation could not be recorded: the database does not answer this "
                          "Praefect"},
                  "");
    }
    Write write{.instance = instance_.id(),
                .begun = options_.clock(),
                .name = creation.name,
                .storage = creation.primary,
                .term = Books().term,
                .creates = true};
    write.intent = creation.intent = instance_.NextId(write.instance);
    creation.instance = write.instance;
    deadline = std::min(deadline, db::After(options_.windows.send));
    store_.Create(
        std::move(creation), deadline,
        [this, write, deadline, done = std::move(done), token = in_flight_.Begin()](
            Result<Created> result) { NoteCreated(write, deadline, done, std::move(result)); });
  }

  bool MaySend(const Write& write) const { return instance_.MaySend(write.instance, write.begun); }
  bool MayFeed(const Write& write) const { return instance_.MayFeed(write.instance); }

  void Settle(const Write& write, SettleBatches::Done done) {
    if (write.creates) return endings_.SettleCreation(write, std::move(done));
    settles_.Add(write.instance,
                 {.intent = write.intent,
                  .repository_id = write.repository_id,
                  .storage = write.storage,
                  .term = write.term,
                  .node_ok = true},
                 std::move(done));
  }

  void Finish(const Write& write, End end) { endings_.Finish(write, end); }

  // A settle notifies nobody: of our own writes a route may still tell what is over.
  bool HasOpenWrites(const Repository& repository) const {
    const auto& intents = repository.books.intents;
    return held_.Any(repository.id) ||
           std::any_of(intents.begin(), intents.end(),
                       [&](const Intent& intent) { return !instance_.WasOurs(intent.instance); });
  }

  void Change(int64_t id, Rule rule, db::Deadline deadline, Callback<Changed> done) {
    store_.Change(id, std::move(rule), deadline, NotingChange(id, std::move(done)));
  }

  void Rename(int64_t id, RepositoryName from, std::string to, db::Deadline deadline,
              Callback<Changed> done) {
    store_.Rename(std::move(from), std::move(to), deadline, NotingChange(id, std::move(done)));
  }

  void RenameBelow(RepositoryName from, std::string to, int limit, db::Deadline deadline,
                   Callback<RenamedBelow> done) {
    store_.RenameBelow(
        std::move(from), std::move(to), limit, deadline,
        [this, done = std::move(done), token = in_flight_.Begin()](Result<RenamedBelow> result) {
          const std::vector<int64_t> ids = result.value.ids;
          const bool changed = result.ok() || result.error->may_be_applied;
          if (changed) routes_.Changed(ids);
          done(std::move(result));
          if (changed && !ids.empty()) events_.changed(ids);
        });
  }

  void LoseRun(int64_t repository_id, const RepositoryName& name, const std::string& storage,
               int64_t run, End end, Rule release) {
    endings_.LoseRun(repository_id, name.virtual_storage, storage, run, end, std::move(release));
  }

  int64_t instance() const { return instance_.id(); }
  int64_t BeginRun() {
    const int64_t run = instance_.NextId(instance_.id());
    runs_.Hold(run, 0);
    return run;
  }
  void EndRun(int64_t run) { runs_.Release(run); }
  std::string problem() const { return instance_.problem(); }
  Store& store() { return store_; }

  void Heard(const std::string& channel, const std::string& payload) {
    const std::vector<int64_t> changed = routes_.Heard(channel, payload);
    if (!changed.empty()) events_.changed(changed);
  }
  void ListenerConnected() {
    routes_.Connected();
    instance_.BeatNow();
  }

 private:
  InstanceOptions InstanceOptionsOf() const {
    return {options_.windows, options_.name, options_.boot_id, options_.usable, options_.clock};
  }

  InstanceEvents InstanceEventsOf() {
    return {
        .beaten = [this](bool ok) { (ok ? metrics_.beats : metrics_.failed_beats).Increment(); },
        .disowned =
            [this](int64_t instance) {
              metrics_.disowned.Increment();
              events_.disowned(instance);
            },
        .buried =
            [this] {
              metrics_.buried.Increment();
              recovery_.LookSoon();
            },
        .commits_lost = [this](int64_t instance, int64_t timeline,
                               bool untold) { lost_.SettleAgain(instance, timeline, untold); }};
  }

  IntentBatches::Send DropSender() {
    return [this](std::vector<int64_t> intents, db::Deadline deadline, Callback<bool> done) {
      store_.DropIntents(std::move(intents), deadline, std::move(done));
    };
  }
  IntentBatches::Send LingerSender() {
    return [this](std::vector<int64_t> intents, db::Deadline deadline, Callback<bool> done) {
      store_.LetIntentsLinger(std::move(intents), deadline, std::move(done));
    };
  }

  OpenBatchesOptions OpensOptions() {
    return {.max_batch = options_.max_batch,
            .max_waiting = options_.max_waiting,
            .send_window = options_.windows.send,
            .clock = options_.clock,
            .recorded = [this](const std::vector<Write>& writes) { Hold(writes); },
            // The notification may still be on its way.
            .refused = [this](const std::vector<int64_t>& ids) { routes_.Changed(ids); },
            .drop = [this](std::vector<int64_t> intents) { drops_.Add(intents); },
            .drop_after =
                [this](std::vector<int64_t> intents, db::Deadline end) {
                  const auto drop = [this, intents = std::move(intents)](
                                        db::Deadline, const Errands::Taken& taken) {
                    drops_.Add(intents);
                    taken(true);
                  };
                  errands_.Add(drop, AfterTheirEnd(end));
                }};
  }

  // The own cache forgets it before `done`.
  Callback<Changed> NotingChange(int64_t id, Callback<Changed> done) {
    return [this, id, done = std::move(done), token = in_flight_.Begin()](Result<Changed> result) {
      const bool changed =
          result.ok() ? result.value == Changed::kDone : result.error->may_be_applied;
      if (changed) routes_.Changed({&id, 1});
      done(std::move(result));
      if (changed) events_.changed({&id, 1});
    };
  }

  // A statement whose answer is missing may be applied until its deadline, which the database keeps
  // too; and some time more for a database that stands still.
  db::Deadline AfterTheirEnd(db::Deadline end) const { return end + options_.windows.send; }

  SettleBatchesOptions SettlesOptions() {
    return {.max_batch = options_.max_batch,
            .settle_timeout = options_.settle_timeout,
            .settled = [this](const std::vector<SettleRequest>& settled) { Release(settled); },
            .answered =
                [this](const SettleRequest& request, Settled settled) {
                  if (settled == Settled::kGone) return;
                  lost_.Remember({request.repository_id, request.storage, request.term,
                                  settled == Settled::kAcknowledged});
                }};
  }

  LostCommitsOptions LostCommitsOptionsOf() {
    return {
        .memory = options_.lost_commits_memory,
        .max_remembered = options_.max_remembered,
        .clock = options_.clock,
        .settle =
            [this](const SettledWrite& write, db::Deadline deadline, Callback<Changed> done) {
              store_.SettleAgain(write, deadline,
                                 NotingChange(write.repository_id, std::move(done)));
            },
        .mark =
            [this](int64_t instance, int64_t timeline, db::Deadline deadline, Callback<bool> done) {
              store_.MarkSettled(instance, timeline, deadline, std::move(done));
            },
        .fence = [this](std::function<void()> then) { settles_.Fence(std::move(then)); },
        .settled_again =
            [this](size_t count) { metrics_.settled_again.Increment(static_cast<double>(count)); },
        .forgotten = [this] { metrics_.forgotten.Increment(); }};
  }

  EndingsOptions EndingsOptionsOf() {
    return {.linger = options_.linger,
            .lost_linger = options_.windows.lost_linger,
            .settle_timeout = options_.settle_timeout,
            .change =
                [this](int64_t id, Rule rule, db::Deadline deadline, Callback<Changed> done) {
                  Change(id, std::move(rule), deadline, std::move(done));
                },
            .released = [this](int64_t intent) { held_.Release(intent); },
            .run_released = [this](int64_t run) { runs_.Release(run); },
            .acknowledged =
                [this](const Write& write) {
                  lost_.Remember({write.repository_id, write.storage, write.term, true});
                }};
  }

  RecoveryOptions RecoveryOptionsOf() {
    return {.interval = options_.windows.beat * options_.windows.beats_until_burial,
            .instance = [this] { return instance_.id(); },
            .ours =
                [this](const Abandoned& call) {
                  return call.run ? runs_.Holds(call.id) : held_.Holds(call.id);
                },
            .linger =
                [this](const Abandoned& call, std::function<void()> over) {
                  // How a creation of ours ended that the books have forgotten is not known any
                  // more: nothing is deleted.
                  if (call.creating && call.instance == instance_.id()) {
                    return Change(call.repository_id, WithdrawCreation(call.id),
                                  db::After(kAttemptTimeout), [](const auto&) {});
                  }
                  endings_.Linger(call, LingerOf(call), std::move(over));
                },
            .end = [this](const Abandoned& call) { endings_.Recover(call, instance_.id()); }};
  }

  // The kernel of this machine closed the connections of whoever had the embedded store before us;
  // and the node answers probes on a new one, or no time counts.
  std::chrono::milliseconds LingerOf(const Abandoned& call) const {
    const bool predecessor = store_.engine() == db::Engine::kSqlite &&
                             call.boot_id == options_.boot_id && !instance_.WasOurs(call.instance);
    return predecessor ? options_.linger : options_.windows.lost_linger;
  }

  void Hold(const std::vector<Write>& writes) {
    std::vector<int64_t> ids;
    for (const Write& write : writes) {
      held_.Hold(write.intent, write.repository_id);
      ids.push_back(write.repository_id);
    }
    routes_.Changed(ids);
  }

  void Release(const std::vector<SettleRequest>& settled) {
    std::vector<int64_t> ids;
    for (const SettleRequest& request : settled) {
      held_.Release(request.intent);
      ids.push_back(request.repository_id);
    }
    events_.changed(ids);
  }

  void NoteCreated(Write write, db::Deadline deadline,
                   const std::function<void(Opened, std::string)>& done, Result<Created> result) {
    if (!result.ok()) {
      metrics_.unavailable.Increment();
      if (result.error->may_be_applied) WithdrawLater(write, deadline);
      return done({.why = WhyUnavailable(*result.error)}, "");
    }
    if (result.value.id == 0) {
      metrics_.routed_anew.Increment();
      return done({.result = Opened::kRouteAnew}, "");
    }
    write.repository_id = result.value.id;
    metrics_.opened.Increment();
    Hold({write});
    if (write.instance != instance_.id()) {  // buried meanwhile: it could not send it any more
      endings_.Finish(write, End::kNeverSent);
      return done({.result = Opened::kRouteAnew}, "");
    }
    done({.result = Opened::kRecorded, .write = write}, std::move(result.value.replica_path));
  }

  // Whether the row is there is not known, nor its id.
  void WithdrawLater(const Write& write, db::Deadline end) {
    held_.Hold(write.intent, 0);
    const auto withdraw = [this, name = write.name, intent = write.intent](
                              db::Deadline deadline, const Errands::Taken& taken) {
      store_.Change(name, WithdrawCreation(intent), deadline,
                    [this, intent, taken](Result<Changed> result) {
                      if (result.ok()) held_.Release(intent);
                      taken(result.ok());
                    });
    };
    errands_.Add(withdraw, AfterTheirEnd(end));
  }

  void SweepRows() {
    if (std::chrono::steady_clock::now() < next_sweep_) return;
    next_sweep_ = db::After(kSweepInterval);
    store_.SweepEvents(kMaxEvents, db::After(kAttemptTimeout),
                       [this, token = in_flight_.Begin()](Result<int64_t> swept) {
                         metrics_.events_swept.Increment(static_cast<double>(swept.value));
                       });
    store_.SweepInstances(db::After(kAttemptTimeout),
                          [this, token = in_flight_.Begin()](Result<int64_t> swept) {
                            metrics_.instances_swept.Increment(static_cast<double>(swept.value));
                          });
  }

  void Upkeep() {
    while (stop_.Sleep(kTick)) {
      opens_.Tick();
      settles_.Tick();
      endings_.Tick();
      drops_.Tick();
      lingering_.Tick();
      errands_.Tick();
      lingers_.Look(options_.clock(), ask_node_);
      if (instance_.id() != 0) recovery_.Tick();
      if (instance_.id() != 0) SweepRows();
      metrics_.open_writes.Set(static_cast<double>(held_.size()));
      metrics_.lingering.Set(static_cast<double>(lingers_.size()));
      metrics_.owed.Set(static_cast<double>(settles_.owed() + errands_.owed() + drops_.owed() +
                                            lingering_.owed()));
    }
  }

  Store& store_;
  const BookkeeperOptions options_;
  const AskNode ask_node_;
  const BookkeeperEvents events_;
  BookkeeperMetrics metrics_;
  InFlight in_flight_;
  HeldWrites held_;
  HeldWrites runs_;  // by their ids; whose they are does not matter
  Routes routes_;
  Instance instance_;
  IntentBatches drops_;
  IntentBatches lingering_;
  Errands errands_;
  Lingers lingers_;
  OpenBatches opens_;
  SettleBatches settles_;
  LostCommits lost_;
  Endings endings_;
  Recovery recovery_;
  db::Deadline next_sweep_{};  // of the thread of upkeep
  db::StopSignal stop_;
  std::thread upkeep_;
};

Bookkeeper::Bookkeeper(Store& store, BookkeeperOptions options, AskNode ask_node,
                       BookkeeperEvents events, observe::Logger& logger,
                       observe::Registry& registry)
    : impl_(std::make_unique<Impl>(store, std::move(options), std::move(ask_node),
                                   std::move(events), logger, registry)) {}
Bookkeeper::~Bookkeeper() = default;

void Bookkeeper::Find(const RepositoryName& name, Routes::Done done) {
  impl_->Find(name, std::move(done));
}
bool Bookkeeper::Holds(const RoutedRepository& route) const { return impl_->Holds(route); }
void Bookkeeper::Open(OpenRequest request, db::Deadline deadline,
                      std::function<void(Opened)> done) {
  impl_->Open(std::move(request), deadline, std::move(done));
}
void Bookkeeper::Create(Creation creation, db::Deadline deadline,
                        std::function<void(Opened, std::string)> done) {
  impl_->Create(std::move(creation), deadline, std::move(done));
}
bool Bookkeeper::MaySend(const Write& write) const { return impl_->MaySend(write); }
bool Bookkeeper::MayFeed(const Write& write) const { return impl_->MayFeed(write); }
void Bookkeeper::Settle(const Write& write, std::function<void(Told)> done) {
  impl_->Settle(write, std::move(done));
}
void Bookkeeper::Finish(const Write& write, End end) { impl_->Finish(write, end); }
bool Bookkeeper::HasOpenWrites(const Repository& repository) const {
  return impl_->HasOpenWrites(repository);
}
void Bookkeeper::Change(int64_t id, Rule rule, db::Deadline deadline, Callback<Changed> done) {
  impl_->Change(id, std::move(rule), deadline, std::move(done));
}
void Bookkeeper::Rename(int64_t id, RepositoryName from, std::string to, db::Deadline deadline,
                        Callback<Changed> done) {
  impl_->Rename(id, std::move(from), std::move(to), deadline, std::move(done));
}
void Bookkeeper::RenameBelow(RepositoryName from, std::string to, int limit, db::Deadline deadline,
                             Callback<RenamedBelow> done) {
  impl_->RenameBelow(std::move(from), std::move(to), limit, deadline, std::move(done));
}
void Bookkeeper::LoseRun(int64_t repository_id, const RepositoryName& name,
                         const std::string& storage, int64_t run, End end, Rule release) {
  impl_->LoseRun(repository_id, name, storage, run, end, std::move(release));
}
int64_t Bookkeeper::instance() const { return impl_->instance(); }
int64_t Bookkeeper::BeginRun() { return impl_->BeginRun(); }
void Bookkeeper::EndRun(int64_t run) { impl_->EndRun(run); }
std::string Bookkeeper::problem() const { return impl_->problem(); }
Store& Bookkeeper::store() { return impl_->store(); }
void Bookkeeper::Heard(const std::string& channel, const std::string& payload) {
  impl_->Heard(channel, payload);
}
void Bookkeeper::ListenerConnected() { impl_->ListenerConnected(); }

}  // namespace praefect::datastore
