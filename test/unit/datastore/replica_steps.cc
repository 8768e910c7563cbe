#include "replica_steps.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace praefect::datastore {
namespace {

using Model = ReplicaModel;

constexpr uint8_t kNobody = Model::kNodes;
constexpr uint8_t kUnproved = 0x80;  // in ReplicaState::known: the claim was withdrawn since

enum IntentRow : uint8_t { kNoIntent, kOpenIntent, kLingeringIntent };

uint8_t Up(int64_t number) { return static_cast<uint8_t>(number + 1); }
int64_t Down(uint8_t number) { return int64_t{number} - 1; }

uint8_t PackStorage(int storage) {
  return storage == kNoStorage ? kNobody : static_cast<uint8_t>(storage);
}
int UnpackStorage(uint8_t node) { return node == kNobody ? kNoStorage : node; }

std::string Node(int n) { return absl::StrCat("N", n + 1); }
std::string Call(int w) { return absl::StrCat("W", w + 1, ": "); }

bool IsOnNode(const Model::Run& run) {
  return run.phase >= Model::kStarted && run.phase < Model::kCopied;
}

}  // namespace

Books UnpackBooks(const ReplicaState& state) {
  Books books;
  books.primary = UnpackStorage(state.primary);
  books.term = state.term;
  books.generation = Down(state.generation);
  books.acknowledged = Down(state.acknowledged);
  for (const Model::Row& row : state.row) {
    Job job{.state = static_cast<JobState>(row.job), .wanted = Down(row.wanted)};
    if (row.job == uint8_t(JobState::kRunning) || row.job == uint8_t(JobState::kLingering)) {
      job.source = row.source;
      job.claim = Down(row.claim);
    }
    books.replicas.push_back({.row = true,
                              .generation = Down(row.generation),
                              .verified = row.verified != 0,
                              .suspect = row.suspect != 0,
                              .aside = Down(row.aside),
                              .job = job});
  }
  for (int w = 0; w < Model::kMaxWrites; ++w) {
    const Model::Write& write = state.write[w];
    if (write.intent == kNoIntent) continue;
    books.intents.push_back({.id = w,
                             .storage = write.node,
                             .term = write.term,
                             .lingering = write.intent == kLingeringIntent});
  }
  return books;
}

void PackBooks(const Books& books, ReplicaState* state) {
  state->primary = PackStorage(books.primary);
  state->term = static_cast<uint8_t>(books.term);
  state->generation = Up(books.generation);
  state->acknowledged = Up(books.acknowledged);
  for (int n = 0; n < Model::kNodes; ++n) {
    const Replica& replica = books.replicas[n];
    state->row[n] = {Up(replica.generation),
                     replica.verified,
                     replica.suspect,
                     Up(replica.aside),
                     static_cast<uint8_t>(replica.job.state),
                     replica.job.state == JobState::kNone ? uint8_t{0} : Up(replica.job.wanted),
                     IsBusy(replica) ? PackStorage(replica.job.source) : uint8_t{0},
                     IsBusy(replica) ? Up(replica.job.claim) : uint8_t{0}};
  }
  for (Model::Write& write : state->write) write.intent = kNoIntent;
  for (const Intent& intent : books.intents) {
    state->write[intent.id].intent = intent.lingering ? kLingeringIntent : kOpenIntent;
  }
}

ReplicaSteps::ReplicaSteps(const ReplicaState& state, const ReplicaLimits& limits,
                           const ReplicaMistakes& mistakes, Emit<ReplicaState> emit)
    : before_(state),
      books_before_(UnpackBooks(state)),
      limits_(limits),
      mistakes_(mistakes),
      emit_(emit),
      next_(state),
      books_(books_before_) {}

void ReplicaSteps::All() {
  for (int w = 0; w < limits_.writes; ++w) {
    OpenAndSend(w);
    OnTheNode(w);
    Answer(w);
    SettleAnswered(w);
    SettleUnproven(w);
    OwnerFaults(w);
  }
  for (int n = 0; n < Model::kNodes; ++n) {
    TakeJob(n);
    if (before_.run[n].phase > Model::kTaken) Progress(n, before_.run[n], false);
    if (before_.stray.phase != Model::kNoRun && before_.stray_node == n) {
      Progress(n, before_.stray, true);
    }
    WorkerFaults(n);
    Linger(n);
    PromoteNode(n);
    WithdrawClaim(n);
    ExchangeDisk(n);
  }
}

void ReplicaSteps::Go(bool optional, Label label) {
  if (mistakes_.forgets_wanted) {
    for (int n = 0; n < Model::kNodes; ++n) {
      const Replica& was = books_before_.replicas[n];
      if (IsBusy(was) && IsBusy(books_.replicas[n])) books_.replicas[n].job.wanted = was.job.wanted;
    }
  }
  PackBooks(books_, &next_);
  emit_(next_, optional, label);
  next_ = before_;
  books_ = books_before_;
}

std::string ReplicaSteps::Numbers() const {
  return absl::StrCat(", generation ", books_.generation, ", acknowledged ", books_.acknowledged,
                      ", term ", books_.term);
}

// --- Writes ---

void ReplicaSteps::OpenAndSend(int w) {
  const Model::Write& write = before_.write[w];
  Model::Write& changed = next_.write[w];
  if (write.phase == Model::kUnused) {
    const bool turn = w == 0 || before_.write[w - 1].phase != Model::kUnused;
    if (!turn || !MayOpen(books_, books_.primary, books_.term)) return;
    datastore::Open(books_, w);
    changed.phase = Model::kOpened;
    changed.node = before_.primary;
    changed.term = before_.term;
    return Go([&] { return Call(w) + "opened on " + Node(before_.primary) + Numbers(); });
  }
  if (write.owner == Model::kDead) return;
  const auto send = [&] {
    changed.phase = Model::kSent;
    changed.call = limits_.parts ? Model::kPartly : Model::kPending;
    Go([&] { return Call(w) + (write.owner ? "its owner wakes and sends" : "sent"); });
  };
  if (write.phase == Model::kTested) return send();
  if (write.phase != Model::kOpened) return;
  if (write.owner == Model::kAlive) {
    if (mistakes_.tests_window_early) {
      changed.phase = Model::kTested;
      Go([&] { return Call(w) + "send window tested"; });
    } else {
      send();
    }
    DropIntent(books_, w);
    changed.phase = Model::kClosed;
    Go([&] { return Call(w) + "never sent, intent dropped"; });
  } else {
    if (mistakes_.sends_after_burial) send();
    changed.phase = Model::kClosed;
    Go([&] { return Call(w) + "its owner wakes, window over, gives up"; });
  }
}

void ReplicaSteps::OnTheNode(int w) {
  const Model::Write& write = before_.write[w];
  Model::Write& changed = next_.write[w];
  if (write.call == Model::kPartly) {
    const bool released = write.owner == Model::kBuriedAlive && write.intent == kNoIntent;
    if (write.phase == Model::kSent && write.owner != Model::kDead &&
        (!released || mistakes_.feeds_after_burial)) {
      changed.call = Model::kPending;
      Go([&] { return Call(w) + "the rest is sent"; });
    }
  }
  if (write.call == Model::kPending) {
    changed.call = Model::kApplied;
    changed.landed_unrecorded = write.intent == kNoIntent;
    next_.content[write.node] |= 1 << w;
    Go([&] { return Call(w) + "applied on " + Node(write.node); });
  }
  if (write.call == Model::kPending || write.call == Model::kPartly) {
    changed.call = Model::kOver;
    Go([&] { return Call(w) + "over on " + Node(write.node) + ", not applied"; });
  }
}

void ReplicaSteps::Answer(int w) {
  const Model::Write& write = before_.write[w];
  if (write.phase != Model::kSent || write.owner == Model::kDead) return;
  if (write.call == Model::kApplied) {
    next_.write[w].phase = Model::kAnswered;
    if (mistakes_.answers_before_settle) next_.told_ok |= 1 << w;
    Go([&] { return Call(w) + Node(write.node) + " answers OK"; });
  }
  next_.write[w].phase = Model::kUnproven;
  Go([&] { return Call(w) + "refused, cancelled or lost: its end is unproven"; });
}

// Settles write w and tells the client; true when it was acknowledged.
bool ReplicaSteps::SettleInBooks(int w, bool node_ok) {
  const Model::Write& write = before_.write[w];
  Settlement settlement{.intent = w,
                        .storage = write.node,
                        .term = write.term,
                        .node_ok = node_ok,
                        .told_otherwise = write.told && !mistakes_.acknowledges_what_was_denied};
  const bool late = write.owner == Model::kBuriedAlive && mistakes_.settles_late_in_any_term;
  if (mistakes_.settles_in_any_term || late || write.judged_good) {
    settlement.storage = books_.primary;
    settlement.term = books_.term;
  }
  const bool good = Acknowledges(books_, settlement);
  if (mistakes_.drops_refused_ends && write.term != books_.term) {
    DropIntent(books_, w);
  } else {
    Settle(books_, {&settlement, 1});
  }
  if (mistakes_.binds_by_unacknowledged) books_.acknowledged = books_.generation;
  if (!good) return false;
  if (!write.told) next_.told_ok |= 1 << w;
  uint8_t& known = next_.known[books_.primary];
  known = (known & kUnproved) | next_.told_ok;
  return true;
}

void ReplicaSteps::SettleAnswered(int w) {
  const Model::Write& write = before_.write[w];
  Model::Write& changed = next_.write[w];
  if (write.owner == Model::kDead) return;
  if (write.phase == Model::kAnswered && limits_.repeat && !write.told) {
    changed.told = 1;
    Fault([&] { return Call(w) + "settle_timeout, the client is told UNAVAILABLE"; });
  }
  if (write.phase == Model::kAnswered && mistakes_.settles_without_lock) {
    changed.phase = Model::kJudged;
    changed.judged_good = write.term == before_.term;
    return Go([&] { return Call(w) + "its settle has read the term"; });
  }
  if (write.phase == Model::kRepeat && !mistakes_.settles_twice) {
    changed.phase = Model::kClosed;
    return Go([&] { return Call(w) + "settle repeated, recognised by its number"; });
  }
  if (write.phase != Model::kAnswered && write.phase != Model::kJudged &&
      write.phase != Model::kRepeat) {
    return;
  }
  const auto settle = [&](uint8_t phase, bool fault, const char* what) {
    const bool good = SettleInBooks(w, true);
    changed.phase = phase;
    Go(fault, [&] {
      return Call(w) + what + (good ? ", acknowledged" : ", not acknowledged") + Numbers();
    });
  };
  settle(Model::kClosed, false, "settled");
  if (limits_.repeat && before_.repeats == 0 && write.phase == Model::kAnswered) {
    next_.repeats = 1;
    settle(Model::kRepeat, true, "settled, the reply is lost");
  }
}

// Nobody but its owner, while it lives, needs to know more about the write.
void ReplicaSteps::EndWrite(int w) {
  const Model::Write& write = before_.write[w];
  if (write.owner == Model::kDead || write.phase == Model::kUnproven) {
    next_.write[w].phase = Model::kClosed;
  }
}

void ReplicaSteps::SettleUnproven(int w) {
  const Model::Write& write = before_.write[w];
  const bool dead = write.owner == Model::kDead;
  const bool noticed = dead || (write.owner == Model::kAlive && write.phase == Model::kUnproven);
  if (write.intent == kOpenIntent && noticed) {
    if (mistakes_.forgets_dead_owners && dead) {
      DropIntent(books_, w);
      EndWrite(w);
    } else if (mistakes_.settles_without_linger) {
      SettleInBooks(w, false);
      EndWrite(w);
    } else {
      LetLinger(books_, w);
    }
    Go([&] { return Call(w) + (dead ? "its owner is buried" : "lingers") + Numbers(); });
  }
  if (write.intent == kLingeringIntent && write.call != Model::kPending) {
    SettleInBooks(w, false);
    EndWrite(w);
    Go([&] { return Call(w) + "linger over, settled" + Numbers(); });
  }
  if (write.owner == Model::kBuriedAlive && write.phase == Model::kUnproven &&
      write.intent == kNoIntent && write.call != Model::kPending) {
    SettleInBooks(w, false);
    EndWrite(w);
    Go([&] { return Call(w) + "settled again by its owner, which was buried" + Numbers(); });
  }
}

void ReplicaSteps::OwnerFaults(int w) {
  const Model::Write& write = before_.write[w];
  const bool open = write.phase != Model::kUnused && write.phase != Model::kClosed;
  if (!open || write.owner == Model::kDead) return;
  if (write.owner == Model::kBuriedAlive || before_.owners < limits_.owners) {
    next_.write[w].owner = Model::kDead;
    next_.owners += write.owner == Model::kAlive;
    Fault([&] { return Call(w) + "its owner dies"; });
  }
  if (limits_.freeze && write.owner == Model::kAlive && write.intent == kOpenIntent &&
      before_.owners < limits_.owners) {
    ++next_.owners;
    next_.write[w].owner = Model::kBuriedAlive;
    if (mistakes_.settles_without_linger) {
      SettleInBooks(w, false);
    } else {
      LetLinger(books_, w);
    }
    Fault([&] { return Call(w) + "its owner freezes and is buried"; });
  }
}

// --- Copies ---

void ReplicaSteps::TakeJob(int n) {
  const Replica& replica = books_before_.replicas[n];
  if (before_.run[n].phase == Model::kTaken) {
    const uint8_t source = before_.run[n].source;
    StartCopy(books_, source, n);
    books_.replicas[n].job.claim = Down(before_.run[n].claim);
    next_.run[n].phase = Model::kStarted;
    return Go([&] { return "copy to " + Node(n) + " starts"; });
  }
  if (replica.job.state != JobState::kReady) return;
  if (IsCurrent(books_, n) && replica.verified) {
    books_.replicas[n].job = Job{};
    return Go([&] { return "job of " + Node(n) + " dropped: nothing to do"; });
  }
  for (int source = 0; source < Model::kNodes; ++source) {
    if (!MayCopy(books_, source, n, true)) continue;
    const bool taken = mistakes_.starts_copies_without_lock;
    const bool books_first = limits_.freeze && limits_.workers > 0;
    if (!taken) StartCopy(books_, source, n);
    next_.run[n] = {taken         ? Model::kTaken
                    : books_first ? Model::kBooked
                                  : Model::kStarted,
                    static_cast<uint8_t>(source),
                    before_.generation,
                    0,
                    before_.told_ok,
                    Model::kAlive};
    Go([&] {
      return absl::StrCat("copy ", Node(source), " -> ", Node(n), taken ? " taken" : " starts");
    });
  }
}

ReplicaModel::Run& ReplicaSteps::RunOf(ReplicaState* state, int n, bool released) const {
  return released ? state->stray : state->run[n];
}

void ReplicaSteps::Progress(int n, const Model::Run& run, bool released) {
  const std::string name = (released ? "lost copy to " : "copy to ") + Node(n);
  const auto go = [&](uint8_t phase, const char* what) {
    RunOf(&next_, n, released).phase = phase;
    Go([&] { return name + ": " + what; });
  };
  if (run.phase == Model::kBooked) {
    const bool in_window = run.worker == Model::kAlive;
    const bool sends =
        in_window || (run.worker == Model::kBuriedAlive && mistakes_.copies_after_burial);
    sends ? go(Model::kStarted, "sent") : go(Model::kGone, "never sent");
  } else if (run.phase == Model::kStarted) {
    RunOf(&next_, n, released).snapshot = before_.content[run.source];
    go(Model::kRead, "has read the refs of its source");
  } else if (run.phase == Model::kRead) {
    next_.content[n] |= run.snapshot;
    go(Model::kUpdated, "has updated refs");
  } else if (run.phase == Model::kUpdated) {
    next_.content[n] = run.snapshot;
    go(Model::kCopied, "has pruned refs");
  } else if (run.phase == Model::kCopied && run.worker != Model::kDead) {
    Complete(n, run, released);
  }
  if (IsOnNode(run) && run.worker == Model::kDead) go(Model::kGone, "over, unfinished");
}

void ReplicaSteps::Complete(int n, const Model::Run& run, bool released) {
  Replica& replica = books_.replicas[n];
  if (released) {
    if (!mistakes_.completes_without_run) return;
    replica.generation = std::max(replica.generation, Down(run.claim));
    next_.known[n] = run.known;
    next_.stray = {};
    next_.stray_node = 0;
    return Go([&] { return "lost copy to " + Node(n) + " completes" + Numbers(); });
  }
  const bool equal = before_.content[n] == before_.content[run.source];
  const bool explained = !books_.intents.empty() || books_.generation > Down(run.claim);
  if (mistakes_.claims_after_withdrawal) replica.job.claim = Down(run.claim);
  const bool claims = replica.job.claim != kNoClaim;
  if (claims && mistakes_.claims_what_source_holds_at_end) replica.job.claim = books_.generation;
  if (claims && !equal && !explained) next_.differs = 1;
  CompleteCopy(books_, n, equal);
  if (claims) next_.known[n] = run.known;
  next_.run[n] = {};
  Go([&] {
    return absl::StrCat("copy to ", Node(n), " completes, ", claims ? "holds " : "claims nothing, ",
                        books_.replicas[n].generation, Numbers());
  });
}

void ReplicaSteps::WorkerFaults(int n) {
  const Replica& replica = books_before_.replicas[n];
  const Model::Run& run = before_.run[n];
  if (replica.job.state != JobState::kRunning) return;
  const auto lose = [&] {
    if (!mistakes_.releases_lost_copies) return LoseJob(books_, n);
    if (run.phase < Model::kCopied) {
      next_.stray = next_.run[n];
      next_.stray_node = static_cast<uint8_t>(n);
    }
    next_.run[n] = {};
    ReleaseJob(books_, n);
  };
  if (run.worker == Model::kDead) {
    lose();
    Go([&] { return "copy to " + Node(n) + ": noticed as lost"; });
  }
  if (run.worker != Model::kAlive || before_.workers >= limits_.workers) return;
  ++next_.workers;
  next_.run[n].worker = Model::kDead;
  Fault([&] { return "copy to " + Node(n) + ": its worker dies or loses the call"; });
  if (!limits_.freeze) return;
  ++next_.workers;
  next_.run[n].worker = Model::kBuriedAlive;
  lose();
  Fault([&] { return "copy to " + Node(n) + ": its worker freezes and is buried"; });
}

void ReplicaSteps::Linger(int n) {
  const Model::Run& run = before_.run[n];
  if (books_before_.replicas[n].job.state != JobState::kLingering || IsOnNode(run)) return;
  if (run.worker == Model::kBuriedAlive) {
    next_.stray = run;
    next_.stray_node = static_cast<uint8_t>(n);
  }
  next_.run[n] = {};
  ReleaseJob(books_, n);
  Go([&] { return "copy to " + Node(n) + ": linger over"; });
}

// --- Promotion and claims ---

void ReplicaSteps::PromoteNode(int n) {
  const bool fault = books_.primary != kNoStorage;
  if (fault && before_.promotions >= limits_.promotions) return;
  Books judged = books_;
  if (mistakes_.promotes_busy) judged.replicas[n].job = Job{};
  if (mistakes_.promotes_incomplete) judged.acknowledged = 0;
  if (!MayPromote(judged, n)) return;
  next_.promotions += fault;
  Promote(books_, n);
  const Replica& was = books_before_.replicas[n];
  if (IsBusy(was)) books_.replicas[n].job = was.job;
  if (mistakes_.promotes_without_raise) {
    books_.generation = books_before_.generation;
    books_.replicas[n].generation = was.generation;
  }
  Go(fault, [&] { return "promote " + Node(n) + Numbers(); });
}

void ReplicaSteps::Withdrawn(int n, bool suspect) {
  suspect ? MakeSuspect(books_, n) : Withdraw(books_, n);
  for (int m = 0; m < Model::kNodes; ++m) {
    Replica& replica = books_.replicas[m];
    const Replica& was = books_before_.replicas[m];
    if (mistakes_.keeps_targets_of_withdrawn && m != n) {
      replica.generation = was.generation;
      replica.verified = was.verified;
      replica.aside = was.aside;
    }
    if (mistakes_.suspect_keeps_copies && suspect) {
      replica.job.claim = was.job.claim;
      if (m != n) replica.generation = was.generation;
    }
    if (replica.generation < was.generation || replica.aside < was.aside) {
      next_.known[m] |= kUnproved;
    }
  }
  if (mistakes_.keeps_withdrawn_primary) {
    books_.primary = books_before_.primary;
    books_.term = books_before_.term;
  }
}

void ReplicaSteps::WithdrawClaim(int n) {
  if (before_.withdrawals >= limits_.withdrawals || before_.row[n].generation == 0) return;
  for (const bool gone : {false, true}) {
    ++next_.withdrawals;
    Withdrawn(n, false);
    if (gone) next_.content[n] = 0;
    Fault([&] {
      return absl::StrCat("claim of ", Node(n), " withdrawn, its content ",
                          gone ? "is gone" : "stays", Numbers());
    });
  }
}

void ReplicaSteps::ExchangeDisk(int n) {
  const Model::Row& row = before_.row[n];
  if (row.suspect) {
    RestoreSuspect(books_, n);
    next_.content[n] = before_.away_content[n];
    if (row.aside) next_.known[n] &= ~kUnproved;
    next_.away_content[n] = 0;
    Fault([&] { return "the old disk of " + Node(n) + " is back"; });
    GiveUpSuspect(books_, n);
    next_.away_content[n] = 0;
    Go([&] { return "the old disk of " + Node(n) + " is given up"; });
  } else if (before_.disks < limits_.disks && row.generation != 0) {
    ++next_.disks;
    Withdrawn(n, true);
    next_.away_content[n] = before_.content[n];
    next_.content[n] = 0;
    Fault([&] { return "the disk of " + Node(n) + " is exchanged" + Numbers(); });
  }
}

}  // namespace praefect::datastore
