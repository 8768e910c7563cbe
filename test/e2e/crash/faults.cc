#include "faults.h"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace praefect::crash {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr char kPush[] = "SSHReceivePack";
// How long a node holds a write back. Much shorter than every linger: a linger is an assumption
// about nodes, which a fault must not break.
constexpr milliseconds kHeldBack = 700ms;
constexpr milliseconds kLongestRest = 60s;

milliseconds Between(milliseconds least, milliseconds most, std::mt19937& random) {
  return least + milliseconds(random() % static_cast<uint32_t>((most - least).count()));
}

void Pause(milliseconds least, milliseconds most, std::mt19937& random) {
  std::this_thread::sleep_for(Between(least, most, random));
}

size_t SomePraefect(Site& site, std::mt19937& random) { return random() % site.praefects(); }
size_t SomeNode(Site& site, std::mt19937& random) { return random() % site.nodes(); }
// The primary of all repositories, but for those of a moved one.
test::StorageNode& Primary(Site& site) { return site.node(0); }

void SetFaultsEverywhere(Site& site, const std::string& faults) {
  for (size_t i = 0; i < site.nodes(); ++i) site.node(i).SetFaults(faults);
}

// Returns when a push has come to the primary and hangs in its hook, if clients push at all.
void WaitForHeldPush(Site& site) {
  const size_t before = Primary(site).CallsOf(kPush);
  Primary(site).SetFaults(fmt::format("freeze-then-apply={}@{}", kHeldBack.count(), kPush));
  test::Eventually([&] { return Primary(site).CallsOf(kPush) > before; }, 3s);
}

// ---- Praefect
// ------------------------------------------------------------------------------------

void KillPraefect(Site& site, Weather&, std::mt19937& random) {
  const size_t victim = SomePraefect(site, random);
  site.Kill(victim);
  Pause(0ms, 1'500ms, random);
  site.Start(victim);
}

void KillPraefectInPush(Site& site, Weather&, std::mt19937& random) {
  WaitForHeldPush(site);
  const size_t victim = SomePraefect(site, random);
  site.Kill(victim);
  Pause(0ms, 2'500ms, random);
  Primary(site).SetFaults("");
  site.Start(victim);
}

// Its burial is after a second, where there is somebody to bury it.
void FreezePraefectInPush(Site& site, Weather&, std::mt19937& random) {
  WaitForHeldPush(site);
  const size_t victim = SomePraefect(site, random);
  site.Freeze(victim);
  Pause(300ms, 4'000ms, random);
  Primary(site).SetFaults("");
  site.Thaw(victim);
}

// ---- the database
// --------------------------------------------------------------------------------

void RestartPostgres(Site& site, Weather&, std::mt19937& random) {
  site.postgres().Stop();
  Pause(0ms, 2'000ms, random);
  site.postgres().Start();
}

void ParkDatabase(Site& site, std::mt19937& random, const std::vector<size_t>& praefects) {
  const auto state = random() % 2 == 0 ? DatabaseGate::State::kCut : DatabaseGate::State::kSilent;
  for (const size_t each : praefects) site.gate(each).Set(state);
  Pause(200ms, 5'000ms, random);
  if (state == DatabaseGate::State::kSilent && random() % 2 == 0) {
    for (const size_t each : praefects) site.gate(each).Set(DatabaseGate::State::kCut);
    Pause(50ms, 300ms, random);
  }
  for (const size_t each : praefects) site.gate(each).Set(DatabaseGate::State::kOpen);
}

void HideDatabase(Site& site, Weather&, std::mt19937& random) {
  ParkDatabase(site, random, {0, 1});
}

void HideDatabaseFromOne(Site& site, Weather&, std::mt19937& random) {
  ParkDatabase(site, random, {SomePraefect(site, random)});
}

// ---- nodes
// ---------------------------------------------------------------------------------------

void KillNode(Site& site, Weather&, std::mt19937& random) {
  test::StorageNode& node = site.node(SomeNode(site, random));
  node.Crash();
  Pause(0ms, 3'000ms, random);
  node.Start();
}

// At times for so long that it is found.
void FreezeNode(Site& site, Weather&, std::mt19937& random) {
  test::StorageNode& node = site.node(SomeNode(site, random));
  node.Freeze();
  if (random() % 3 == 0) {
    Pause(3'000ms, 6'000ms, random);
  } else {
    Pause(100ms, 1'000ms, random);
  }
  node.Thaw();
}

// It comes back on an empty disk. Judged by the books: a write that was acknowledged and is not in
// them counts as held elsewhere, and is found to be lost. Clients go on when all Praefects know:
// what is written there in the second before makes it a disk that waits for people
// (ARCHITECTURE.md).
void EmptyDisk(Site& site, Weather& weather, std::mt19937& random) {
  const size_t victim = SomeNode(site, random);
  test::StorageNode& node = site.node(victim);
  weather.rest = true;
  if (!test::Eventually([&] { return weather.busy == 0 && site.CanSpareDisk(victim); },
                        kLongestRest)) {
    throw std::runtime_error("while clients rest, replicas do not become current");
  }
  node.Crash();
  node.LoseDisk();
  Pause(0ms, 2'000ms, random);
  node.Start();
  if (!test::Eventually([&] { return site.DoubtDisk(victim); }, kLongestRest)) {
    throw std::runtime_error("nobody sees that a node came back empty");
  }
  weather.rest = false;
  Pause(0ms, 5'000ms, random);
}

// Clients lose patience, are killed, and their pushes are applied all the same.
void ApplyAfterCallers(Site& site, Weather& weather, std::mt19937& random) {
  weather.patience_ms = 400;
  Primary(site).SetFaults(random() % 2 == 0
                              ? fmt::format("apply-after-cancel@{}", kPush)
                              : fmt::format("freeze-then-apply={}@{}", kHeldBack.count(), kPush));
  Pause(1'000ms, 2'500ms, random);
  Primary(site).SetFaults("");
  weather.patience_ms = 30'000;
  Pause(500ms, 800ms, random);  // who was patient before has ended
}

void FailAfterApplying(Site& site, Weather&, std::mt19937& random) {
  SetFaultsEverywhere(site, "error-after-apply=UNAVAILABLE");
  Pause(300ms, 1'500ms, random);
  SetFaultsEverywhere(site, "");
}

void CrashInCopies(Site& site, Weather&, std::mt19937& random) {
  test::StorageNode& node = site.node(1 + random() % (site.nodes() - 1));
  node.SetFaults("crash@ReplicateRepository");
  Pause(500ms, 1'500ms, random);
  node.Crash();
  node.SetFaults("");
  node.Start();
}

void PruneLate(Site& site, Weather&, std::mt19937& random) {
  SetFaultsEverywhere(site, "prune-late=400@ReplicateRepository");
  Pause(1'000ms, 2'500ms, random);
  SetFaultsEverywhere(site, "");
}

}  // namespace

const std::vector<Fault>& Faults() {
  static const std::vector<Fault> faults = {
      {"praefect killed", false, KillPraefect},
      {"praefect killed in a push", false, KillPraefectInPush},
      {"praefect frozen in a push", false, FreezePraefectInPush},
      {"postgres restarted", true, RestartPostgres},
      {"postgres unreachable", true, HideDatabase},
      {"postgres unreachable for one", true, HideDatabaseFromOne},
      {"node killed", false, KillNode},
      {"node frozen", false, FreezeNode},
      {"node comes back empty",
       false,
       EmptyDisk,
       {"the node's disk is ", "a replica is suspect: "}},
      {"writes applied after their callers", false, ApplyAfterCallers},
      {"errors after writes", false, FailAfterApplying},
      {"node crashes in copies", false, CrashInCopies},
      {"copies prune late", false, PruneLate},
  };
  return faults;
}

}  // namespace praefect::crash
