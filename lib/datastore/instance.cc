#include "datastore/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "datastore/await.h"
#include "observe/thread.h"

namespace praefect::datastore {
namespace {

using observe::MutexLock;

// Between attempts to register.
constexpr std::chrono::milliseconds kLeastPause{100};
constexpr std::chrono::milliseconds kLongestPause{2'000};

}  // namespace

Instance::Instance(Store& store, Routes& routes, InstanceOptions options, InstanceEvents events,
                   observe::Logger& logger)
    : store_(store),
      routes_(routes),
      options_(std::move(options)),
      events_(std::move(events)),
      logger_(logger),
      backoff_(kLeastPause, kLongestPause, 0) {}

Instance::~Instance() { Stop(); }

void Instance::Start() {
  thread_ = observe::StartThread("beats", [this] { Run(); });
}

void Instance::Stop() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    woken_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Instance::BeatNow() {
  const MutexLock lock(mutex_);
  beat_now_ = true;
  woken_.NotifyAll();
}

bool Instance::WasOurs(int64_t instance) const {
  const MutexLock lock(mutex_);
  return ours_.contains(instance);
}

bool Instance::MaySend(int64_t instance, BootTime open_begun) const {
  const BootTime beat = beat_begun();
  return beat != kNever && instance == id() &&
         datastore::MaySend(options_.windows, options_.clock(), beat, open_begun);
}

bool Instance::MayFeed(int64_t instance) const {
  const BootTime beat = beat_begun();
  return beat != kNever && instance == id() &&
         datastore::MayFeed(options_.windows, options_.clock(), beat);
}

bool Instance::MayOpen() const { return MaySend(id(), options_.clock()); }

std::string Instance::problem() const {
  if (MayOpen()) return "";
  const char* what = id() == 0 ? "this Praefect is not registered in the database"
                               : "the database does not confirm that this Praefect is alive";
  const MutexLock lock(mutex_);
  return last_error_.empty() ? what : fmt::format("{}: {}", what, last_error_);
}

void Instance::Run() {
  do {
    if (id() != 0 || Register()) Beat();
  } while (Sleep(id() == 0 ? backoff_.Next() : options_.windows.beat));
}

bool Instance::Sleep(std::chrono::milliseconds time) {
  const db::Deadline until = db::After(time);
  MutexLock lock(mutex_);
  while (!stop_ && !beat_now_ && db::Deadline::clock::now() < until) woken_.WaitUntil(lock, until);
  beat_now_ = false;
  return !stop_;
}

// Nobody can have seen its counter stand still before its row was there: this is its first beat.
bool Instance::Register() {
  if (!options_.usable()) return false;
  const BootTime begun = options_.clock();
  const db::Deadline deadline = db::After(options_.windows.send);
  const auto timeline =
      Await<int64_t>([&](auto done) { store_.ReadTimeline(deadline, std::move(done)); });
  if (!timeline.ok()) {
    Failed(*timeline.error);
    return false;
  }
  if (!timeline_) {
    timeline_ = timeline.value;
    if (timeline.value == 0 && store_.engine() == db::Engine::kPostgres) {
      logger_.Warn(
          "the database's role may not read its timeline: what a failover loses is not "
          "noticed");
    }
  }
  Result<int64_t> registered = Await<int64_t>([&](auto done) {
    store_.Register(options_.name, options_.boot_id, *timeline_, deadline, std::move(done));
  });
  if (!registered.ok()) {
    Failed(*registered.error);
    return false;
  }
  const int64_t id = registered.value;
  // One process has the embedded store: whoever is in its books beside us is dead.
  if (store_.engine() == db::Engine::kSqlite) {
    const auto buried = Await<bool>([&](auto done) {
      store_.BuryOthers(id, db::After(options_.windows.send), std::move(done));
    });
    if (!buried.ok()) {
      Failed(*buried.error);
      return false;
    }
    if (buried.value) events_.buried();
  }
  watch_.emplace(id, options_.windows);
  count_ = 0;
  {
    const MutexLock lock(mutex_);
    ours_.insert(id);
    last_error_.clear();
  }
  id_.store(id, std::memory_order_release);
  beat_begun_.store(begun.count(), std::memory_order_release);
  logger_.Info("registered in the books: writes are possible", {{"instance", id}});
  return true;
}

void Instance::Beat() {
  const BootTime last = beat_begun();
  if (!datastore::MayFeed(options_.windows, options_.clock(), last)) {
    return Disown("it could not beat for as long as a call is fed");
  }
  const int64_t mark = ++mark_;
  const BootTime begun = options_.clock();
  routes_.BeatBegins(id(), mark, begun);
  // An answer that comes later than this opens no window any more.
  const auto beats = Await<std::vector<datastore::Beat>>([&](auto done) {
    store_.RaiseBeat(id(), mark, db::After(options_.windows.send), std::move(done));
  });
  events_.beaten(beats.ok());
  if (!beats.ok()) return Failed(*beats.error);
  // The embedded store notifies nobody, and nobody else changes it.
  if (store_.engine() == db::Engine::kSqlite) {
    routes_.Heard(kBeatsChannel, fmt::format("{} {}", id(), mark));
  }
  Note(beats.value, begun, options_.clock());
}

void Instance::Note(const std::vector<datastore::Beat>& beats, BootTime begun, BootTime answered) {
  const auto own = std::find_if(beats.begin(), beats.end(), [this](const datastore::Beat& beat) {
    return beat.instance == id();
  });
  if (own == beats.end()) return Disown("another Praefect saw it stand still and declared it dead");
  backoff_.Reset();
  beat_begun_.store(begun.count(), std::memory_order_release);
  {
    const MutexLock lock(mutex_);
    last_error_.clear();
  }
  const bool untold = own->settled && own->count <= count_;
  count_ = own->count;
  if (untold || !own->settled) {
    events_.commits_lost(id(), own->timeline, untold);
  } else {
    timeline_ = own->timeline;
  }
  for (const datastore::Beat& dead : watch_->Observe(beats, begun, answered)) {
    const auto buried = Await<bool>(
        [&](auto done) { store_.Bury(dead, db::After(options_.windows.send), std::move(done)); });
    if (!buried.ok()) return Failed(*buried.error);
    if (!buried.value) continue;
    logger_.Warn("another Praefect stood still and was declared dead: what it left is settled here",
                 {{"instance", dead.instance}});
    events_.buried();
  }
}

void Instance::Disown(std::string_view why) {
  const int64_t instance = id();
  beat_begun_.store(kNever.count(), std::memory_order_release);
  id_.store(0, std::memory_order_release);
  logger_.Warn("this Praefect starts over as another instance: calls that may write are cancelled",
               {{"instance", instance}, {"reason", why}});
  events_.disowned(instance);
}

void Instance::Failed(const db::Error& error) {
  const MutexLock lock(mutex_);
  last_error_ = error.message;
}

}  // namespace praefect::datastore
