#include "replication/primary_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>
#include <vector>

#include "datastore/await.h"
#include "observe/thread.h"

namespace praefect::replication {
namespace {

using datastore::Await;
using datastore::Declarations;
using datastore::Designations;
using observe::MutexLock;

// For one statement.
constexpr std::chrono::milliseconds kStatement{3'000};

Designations ByFile(const nodes::Snapshot& snapshot) {
  Designations designations;
  for (const nodes::VirtualStorage& storage : snapshot.virtual_storages) {
    if (storage.designated_by_file.empty()) continue;
    designations[storage.name] = storage.designated_by_file;
  }
  return designations;
}

// What decides where primaries may be.
std::string StateOf(const nodes::Snapshot& snapshot, uint64_t takeovers) {
  std::string state = fmt::format("{}\n", takeovers);
  for (const nodes::VirtualStorage& storage : snapshot.virtual_storages) {
    state += fmt::format("{}={}", storage.name, storage.designated);
    for (const nodes::Node& node : storage.nodes) {
      const bool up = node.health == nodes::Health::kUp && node.writable();
      state += fmt::format(" {}{}", node.storage, up ? "+" : "-");
    }
    state += '\n';
  }
  return state;
}

}  // namespace

PrimarySweep::PrimarySweep(Context context)
    : context_(std::move(context)), thread_(observe::StartThread("primaries", [this] { Run(); })) {}

PrimarySweep::~PrimarySweep() { Stop(); }

void PrimarySweep::Wake() {
  const MutexLock lock(mutex_);
  woken_ = true;
  wake_.NotifyAll();
}

void PrimarySweep::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (!thread_.joinable()) return;
  thread_.join();
  if (declared_as_ == 0) return;
  // Who stays need not wait until this process is found dead.
  Await<Declarations>([&](auto done) {
    context_.keeper.store().Declare(declared_as_, {}, db::After(std::chrono::seconds(1)), done);
  });
}

bool PrimarySweep::stopping() const {
  const MutexLock lock(mutex_);
  return stopping_;
}

void PrimarySweep::Run() {
  while (WaitForWork()) {
    told_ = Declare(*context_.snapshot());
    if (!told_) continue;
    const auto snapshot = context_.snapshot();
    if (RoundIsDue(*snapshot)) Round(*snapshot);
  }
}

bool PrimarySweep::WaitForWork() {
  const auto now = db::Deadline::clock::now();
  const db::Deadline until =
      told_ ? std::clamp(next_round_, now, now + kPoll) : now + kBeforeRegistered;
  MutexLock lock(mutex_);
  while (!stopping_ && !woken_ && wake_.WaitUntil(lock, until)) {
  }
  woken_ = false;
  return !stopping_;
}

// ---- what is designated ------------------------------------------------------------------------

// False: the books do not tell.
bool PrimarySweep::Declare(const nodes::Snapshot& snapshot) {
  const int64_t instance = context_.keeper.instance();
  if (instance == 0) return false;
  datastore::Store& store = context_.keeper.store();
  const Designations ours = ByFile(snapshot);
  auto told = Await<Declarations>(
      [&](auto done) { store.Declared(db::After(kStatement), std::move(done)); });
  if (!told.ok()) return false;
  Designations before;
  for (const Declarations::Of& of : told.value.instances) {
    if (of.instance == instance) before = of.designated;
  }
  if (before != ours || datastore::Decide(told.value) != told.value.in_force) {
    told = Await<Declarations>(
        [&](auto done) { store.Declare(instance, ours, db::After(kStatement), std::move(done)); });
    if (!told.ok()) return false;
    declared_as_ = instance;
  }
  TellDissent(snapshot, told.value);
  bool differs = false;
  for (const nodes::VirtualStorage& storage : snapshot.virtual_storages) {
    const auto in_force = told.value.in_force.find(storage.name);
    if (in_force == told.value.in_force.end() || in_force->second == storage.designated) continue;
    differs = true;
    context_.logger.Info("the books tell which storage is designated as primary",
                         {{"virtual_storage", storage.name}, {"storage", in_force->second}});
  }
  if (differs) context_.designate(told.value.in_force);
  return true;
}

// Once for each answer.
void PrimarySweep::TellDissent(const nodes::Snapshot& snapshot, const Declarations& declarations) {
  std::string dissent;
  for (const nodes::VirtualStorage& storage : snapshot.virtual_storages) {
    const auto in_force = declarations.in_force.find(storage.name);
    if (in_force == declarations.in_force.end() || storage.designated_by_file.empty()) continue;
    if (in_force->second == storage.designated_by_file) continue;
    const std::string others =
        datastore::Dissent(declarations, storage.name, storage.designated_by_file);
    dissent += storage.name + others;
    if (dissent == dissent_.substr(0, dissent.size())) continue;
    context_.logger.Warn(
        "the designated primary of this configuration is not in force: the files of all running "
        "Praefects have to name the same one",
        {{"virtual_storage", storage.name},
         {"configured", storage.designated_by_file},
         {"in_force", in_force->second},
         {"others", others}});
  }
  dissent_ = std::move(dissent);
}

// ---- the sweep ---------------------------------------------------------------------------------

bool PrimarySweep::RoundIsDue(const nodes::Snapshot& snapshot) {
  std::string state = StateOf(snapshot, context_.promoter.takeovers());
  if (state != state_) {
    state_ = std::move(state);
    pause_ = kFirstPause;
    return true;
  }
  return db::Deadline::clock::now() >= next_round_;
}

void PrimarySweep::Round(const nodes::Snapshot& snapshot) {
  int64_t moved = 0, waiting = 0;
  for (const nodes::VirtualStorage& storage : snapshot.virtual_storages) {
    int64_t elsewhere = 0;
    Sweep(storage, moved, elsewhere);
    // Where nobody is designated, only those without primary are to get one.
    if (!storage.designated.empty()) waiting += elsewhere;
  }
  if (moved > 0) {
    context_.logger.Info("primaries were moved in the background",
                         {{"moved", moved}, {"still_elsewhere", waiting}});
    pause_ = kFirstPause;
  }
  next_round_ = db::After(waiting > 0 ? pause_ : kIdlePause);
  if (waiting > 0) pause_ = std::min(2 * pause_, kLongestPause);
}

void PrimarySweep::Sweep(const nodes::VirtualStorage& storage, int64_t& moved, int64_t& waiting) {
  std::vector<std::string> healthy;
  for (const nodes::Node& node : storage.nodes) {
    const bool any = storage.designated.empty();
    if (any || node.writable()) healthy.push_back(node.storage);
  }
  for (int64_t after = 0;;) {
    const auto found = Await<datastore::Misplaced>([&](auto done) {
      context_.keeper.store().FindMisplaced(storage.name, storage.designated, healthy, after,
                                            kBatch, db::After(kStatement), std::move(done));
    });
    if (!found.ok()) ++waiting;
    if (!found.ok() || found.value.last == 0) return;
    waiting += found.value.waiting;
    for (const int64_t id : found.value.movable) {
      if (stopping()) return;
      ++(Try(id) ? moved : waiting);
    }
    after = found.value.last;
  }
}

bool PrimarySweep::Try(int64_t repository_id) {
  std::promise<bool> promise;
  context_.promoter.Try(repository_id, [&](bool moved) { promise.set_value(moved); });
  return promise.get_future().get();
}

}  // namespace praefect::replication
