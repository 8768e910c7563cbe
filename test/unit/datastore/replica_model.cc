#include "replica_model.h"

#include <algorithm>

#include "replica_steps.h"

namespace praefect::datastore {
namespace {

using Model = ReplicaModel;
using State = Model::State;
using NodeOrder = std::array<uint8_t, Model::kNodes + 1>;

constexpr uint8_t kNobody = Model::kNodes;
constexpr uint8_t kUnproved = 0x80;

bool IsBusyRow(const Model::Row& row) {
  return row.job == uint8_t(JobState::kRunning) || row.job == uint8_t(JobState::kLingering);
}
bool IsOnNode(const Model::Run& run) {
  return run.phase >= Model::kStarted && run.phase < Model::kCopied;
}
bool HasCurrent(const State& s, int n) { return s.row[n].generation == s.generation; }
bool HasComplete(const State& s, int n) { return s.row[n].generation >= s.acknowledged; }

// What nobody looks at any more.
void Tidy(Model::Write& write) {
  if (write.owner == Model::kDead) write.phase = write.intent ? Model::kUnproven : Model::kClosed;
  if (write.phase != Model::kSent && write.call != Model::kPending) write.call = Model::kNowhere;
  if (write.phase != Model::kAnswered) write.told = 0;
  if (write.owner != Model::kBuriedAlive) write.landed_unrecorded = 0;
  if (write.phase != Model::kClosed) return;
  write.owner = Model::kAlive;
  if (write.call == Model::kNowhere && !write.intent) {
    write = {};
    write.phase = Model::kClosed;
  }
}

void TidyStray(State& s, const ReplicaMistakes& mistakes) {
  const bool sleeps = s.stray.worker != Model::kDead;
  const bool over =
      s.stray.phase == Model::kGone ||
      (s.stray.phase == Model::kCopied && !(sleeps && mistakes.completes_without_run)) ||
      (s.stray.phase == Model::kBooked && !(sleeps && mistakes.copies_after_burial));
  if (over) {
    s.stray = {};
    s.stray_node = 0;
  }
  if (!mistakes.completes_without_run) s.stray.claim = s.stray.known = 0;
}

// Of numbers only their order counts, of terms only whether they are the present one. 0 stays 0.
void Renumber(State& s) {
  for (Model::Write& write : s.write) {
    if (write.term != 0) write.term = write.term == s.term ? 2 : 1;
  }
  s.term = 2;
  std::array<uint8_t*, 32> at;
  size_t count = 0;
  for (uint8_t* number : {&s.generation, &s.acknowledged, &s.stray.claim}) at[count++] = number;
  for (Model::Row& row : s.row) {
    for (uint8_t* number : {&row.generation, &row.aside, &row.wanted, &row.claim}) {
      at[count++] = number;
    }
  }
  for (Model::Run& run : s.run) at[count++] = &run.claim;
  std::array<uint8_t, 64> rank = {1};
  for (size_t i = 0; i < count; ++i) rank[*at[i]] = 1;
  uint8_t next = 0;
  for (uint8_t& each : rank) each = each ? next++ : 0;
  for (size_t i = 0; i < count; ++i) *at[i] = rank[*at[i]];
}

// What tells one node from another, without naming others.
auto NodeKey(const State& s, int n) {
  std::array<uint8_t, 16> key{
      s.primary == n,   s.content[n],      s.known[n],      s.row[n].generation, s.row[n].verified,
      s.row[n].suspect, s.row[n].aside,    s.row[n].job,    s.row[n].wanted,     s.row[n].claim,
      s.run[n].phase,   s.run[n].snapshot, s.run[n].worker, s.away_content[n],   0,
      s.stray_node == n};
  for (int w = 0; w < Model::kMaxWrites; ++w) {
    if (s.write[w].term != 0 && s.write[w].node == n) key[14] |= 1 << w;
  }
  return key;
}

// `order[n]`: the new name of node n.
State Renamed(const State& s, const NodeOrder& order) {
  State t = s;
  t.primary = order[s.primary];
  for (int n = 0; n < Model::kNodes; ++n) {
    const int m = order[n];
    t.row[m] = s.row[n];
    t.content[m] = s.content[n];
    t.away_content[m] = s.away_content[n];
    t.known[m] = s.known[n];
    t.run[m] = s.run[n];
  }
  for (Model::Row& row : t.row) {
    if (IsBusyRow(row)) row.source = order[row.source];
  }
  for (Model::Run& run : t.run) {
    if (run.phase != Model::kNoRun) run.source = order[run.source];
  }
  for (Model::Write& write : t.write) {
    if (write.term != 0) write.node = order[write.node];
  }
  if (t.stray.phase != Model::kNoRun) {
    t.stray.source = order[s.stray.source];
    t.stray_node = order[s.stray_node];
  }
  return t;
}

// What sleeps in the memory of a buried owner is not in flight, as far as anybody can know, unless
// it did something that nobody had recorded.
bool Quiet(const State& s) {
  const bool writes = std::all_of(s.write.begin(), s.write.end(), [](const Model::Write& write) {
    const bool open = write.phase != Model::kUnused && write.phase != Model::kClosed;
    const bool asleep = write.owner == Model::kBuriedAlive && !write.landed_unrecorded;
    return write.call != Model::kPending && !write.intent && (!open || asleep);
  });
  return writes && !IsOnNode(s.stray) && std::none_of(s.row.begin(), s.row.end(), IsBusyRow);
}

const char* BrokenWhenQuiet(const State& s) {
  for (int n = 0; n < Model::kNodes; ++n) {
    for (int m = 0; m < n; ++m) {
      if (HasCurrent(s, n) && HasCurrent(s, m) && s.content[n] != s.content[m]) {
        return "nothing in flight, generations equal, contents differ (I2)";
      }
    }
    if (n != s.primary && !HasCurrent(s, n) && !s.row[n].job) {
      return "a replica is behind and no job will repair it (I4)";
    }
  }
  return nullptr;
}

const char* BrokenCopies(const State& s) {
  for (int n = 0; n < Model::kNodes; ++n) {
    const bool stray_here = IsOnNode(s.stray) && s.stray_node == n;
    if (n == s.primary && (IsOnNode(s.run[n]) || stray_here)) {
      return "a copy runs onto the primary (I6)";
    }
    if (IsOnNode(s.run[n]) && stray_here) return "two copies run onto one replica (I6)";
  }
  if (s.differs) return "a copy differs from its source, and nothing explains it (I2)";
  return nullptr;
}

}  // namespace

std::vector<State> ReplicaModel::Start() const {
  State s{};
  s.term = s.generation = s.acknowledged = 1;
  for (Row& row : s.row) row.generation = row.verified = 1;
  return {s};
}

void ReplicaModel::Steps(const State& state, Emit<State> emit) const {
  ReplicaSteps(state, limits_, mistakes_, emit).All();
}

ReplicaModel::State ReplicaModel::Canonical(const State& state) const {
  State s = state;
  for (Write& write : s.write) Tidy(write);
  for (int n = 0; n < kNodes; ++n) {
    if (!IsBusyRow(s.row[n]) && s.run[n].phase != kTaken) s.run[n] = {};
  }
  TidyStray(s, mistakes_);
  Renumber(s);
  std::array<uint8_t, kNodes> by_key{0, 1, 2};
  std::sort(by_key.begin(), by_key.end(),
            [&](int a, int b) { return NodeKey(s, a) > NodeKey(s, b); });
  NodeOrder order{0, 0, 0, kNobody};
  for (int i = 0; i < kNodes; ++i) order[by_key[i]] = i;
  return Renamed(s, order);
}

const char* ReplicaModel::Broken(const State& s) const {
  if (s.primary != kNobody && s.row[s.primary].generation && (s.told_ok & ~s.content[s.primary])) {
    return "the primary lacks an acknowledged write (I1)";
  }
  for (int n = 0; n < kNodes; ++n) {
    if (HasComplete(s, n) && (s.told_ok & ~s.content[n])) {
      return "a replica that counts as complete lacks an acknowledged write (I1)";
    }
    const bool proved = !(s.known[n] & kUnproved) && !(s.told_ok & ~s.known[n]);
    if (n != s.primary && proved && !IsBusyRow(s.row[n]) && !HasComplete(s, n)) {
      return "a replica known to hold every acknowledged write may not be promoted (I5)";
    }
  }
  if (const char* broken = BrokenCopies(s)) return broken;
  return Quiet(s) ? BrokenWhenQuiet(s) : nullptr;
}

const char* ReplicaModel::Unfinished(const State& s) const {
  bool recoverable = false;  // else only an operator can say what is true
  bool finished = true;
  for (int n = 0; n < kNodes; ++n) {
    recoverable = recoverable || HasComplete(s, n);
    finished = finished && HasCurrent(s, n) && !s.row[n].job;
  }
  for (const Write& write : s.write) finished = finished && !write.intent;
  return recoverable && !finished ? "nothing is left to do and a replica is behind (I4)" : nullptr;
}

}  // namespace praefect::datastore
