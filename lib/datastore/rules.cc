#include "datastore/rules.h"

#include <algorithm>

namespace praefect::datastore {
namespace {

bool HasIntentOn(const Books& books, int storage) {
  return std::any_of(books.intents.begin(), books.intents.end(),
                     [&](const Intent& intent) { return intent.storage == storage; });
}

// The primary, or a replica that was compared with it and that no unsettled call may have changed.
bool IsSourceFit(const Books& books, int storage) {
  if (!IsCurrent(books, storage)) return false;
  return storage == books.primary ||
         (books.replicas[storage].verified && !HasIntentOn(books, storage));
}

bool IsRunningCopy(const Replica& replica) {
  return IsBusy(replica) && replica.job.kind == JobKind::kCopy;
}

// Nothing is left to copy onto it.
bool IsProven(const Books& books, int storage) {
  return IsCurrent(books, storage) && books.replicas[storage].verified;
}

bool IsSource(const Books& books, int storage) {
  return std::any_of(books.replicas.begin(), books.replicas.end(), [&](const Replica& replica) {
    return IsRunningCopy(replica) && replica.job.source == storage;
  });
}

bool NothingInFlight(const Books& books) {
  return books.intents.empty() &&
         std::none_of(books.replicas.begin(), books.replicas.end(), IsRunningCopy);
}

void WantCopy(Books& books, int storage) {
  Job& job = books.replicas[storage].job;
  if (storage == books.primary || IsCurrent(books, storage)) return;
  if (books.replicas[storage].surplus) return;
  if (job.state == JobState::kNone || job.state == JobState::kParked) {
    job.state = JobState::kReady;
    job.attempts = 0;
    job.error.clear();
  }
  job.wanted = std::max(job.wanted, books.generation);
}

// Something is to be deleted where a row is, unless a call that may create it anew still runs.
void WantDelete(Replica& replica) {
  if (IsBusy(replica)) return;
  replica.job = Job{};
  if (replica.row) replica.job = {.state = JobState::kReady, .kind = JobKind::kDelete};
}

// One generation more, with which the primary alone keeps up.
void Raise(Books& books) {
  const bool keeps_up = books.primary != kNoStorage && IsCurrent(books, books.primary);
  ++books.generation;
  if (keeps_up) books.replicas[books.primary].generation = books.generation;
  WantCopies(books);
}

// What a finished copy or a released job leaves: a removal that came meanwhile wants the replica
// deleted, and a delete is still due.
void EndRun(Books& books, int target, bool again) {
  Replica& replica = books.replicas[target];
  const int64_t wanted = replica.job.wanted;
  const bool deletes = replica.job.kind == JobKind::kDelete;
  replica.job = Job{};
  if (books.state == RepositoryState::kRemoving) {
    for (Replica& each : books.replicas) WantDelete(each);  // they waited for this one
  } else if (deletes) {
    WantDelete(replica);
  } else if (again && target != books.primary) {
    replica.job = {.state = JobState::kReady, .wanted = std::max(wanted, books.generation)};
  }
}

// The storages whose claims fall with that of `storage`: nobody knows what the copies from them
// read.
absl::InlinedVector<bool, 3> Tainted(const Books& books, int storage) {
  absl::InlinedVector<bool, 3> tainted(books.replicas.size(), false);
  tainted[storage] = true;
  for (bool grown = true; grown;) {
    grown = false;
    for (size_t target = 0; target < books.replicas.size(); ++target) {
      const Replica& replica = books.replicas[target];
      if (tainted[target] || !IsRunningCopy(replica) || replica.job.source == kNoStorage) continue;
      tainted[target] = tainted[replica.job.source];
      grown = grown || tainted[target];
    }
  }
  return tainted;
}

}  // namespace

bool IsCurrent(const Books& books, int storage) {
  return books.replicas[storage].generation == books.generation;
}

bool IsComplete(const Books& books, int storage) {
  return books.replicas[storage].generation >= books.acknowledged;
}

bool IsBusy(const Replica& replica) {
  return replica.job.state == JobState::kRunning || replica.job.state == JobState::kLingering;
}

bool MayRead(const Books& books, int storage) {
  if (books.state != RepositoryState::kLive || !IsCurrent(books, storage)) return false;
  if (storage == books.primary) return true;
  return std::none_of(books.intents.begin(), books.intents.end(), [&](const Intent& intent) {
    return intent.storage == storage || (intent.storage == books.primary && !intent.lingering);
  });
}

bool MayReadWithoutPrimary(const Books& books, int storage) {
  return books.state == RepositoryState::kLive && storage != books.primary &&
         IsComplete(books, storage) && !HasIntentOn(books, storage);
}

bool MayOpen(const Books& books, int primary, int64_t term) {
  return books.state == RepositoryState::kLive && books.primary != kNoStorage &&
         books.primary == primary && books.term == term && IsCurrent(books, primary);
}

void Open(Books& books, int64_t intent) {
  books.intents.push_back({.id = intent, .storage = books.primary, .term = books.term});
}

void DropIntent(Books& books, int64_t intent) {
  const auto gone = std::remove_if(books.intents.begin(), books.intents.end(),
                                   [&](const Intent& each) { return each.id == intent; });
  books.intents.erase(gone, books.intents.end());
}

void LetLinger(Books& books, int64_t intent) {
  for (Intent& each : books.intents) each.lingering = each.lingering || each.id == intent;
}

bool Acknowledges(const Books& books, const Settlement& settlement) {
  return settlement.node_ok && !settlement.told_otherwise &&
         books.state != RepositoryState::kRemoving && books.primary != kNoStorage &&
         books.primary == settlement.storage && books.term == settlement.term &&
         IsCurrent(books, books.primary);
}

void Settle(Books& books, absl::Span<const Settlement> settlements) {
  bool acknowledged = false;
  bool created = false;
  for (const Settlement& settlement : settlements) {
    acknowledged = acknowledged || Acknowledges(books, settlement);
    Settlement untold = settlement;
    untold.told_otherwise = false;
    created = created || Acknowledges(books, untold);
  }
  for (const Settlement& settlement : settlements) DropIntent(books, settlement.intent);
  if (books.state == RepositoryState::kCreating && !created) return Remove(books);
  if (books.state == RepositoryState::kRemoving) {
    for (Replica& replica : books.replicas) WantDelete(replica);
    return;
  }
  books.state = RepositoryState::kLive;
  Raise(books);
  if (acknowledged) books.acknowledged = books.generation;
}

bool SettleAgain(Books& books, int storage, int64_t term, bool acknowledged) {
  if (books.state == RepositoryState::kRemoving) return false;
  if (!acknowledged) {
    if (books.state == RepositoryState::kLive) Raise(books);
    return books.state == RepositoryState::kLive;
  }
  if (books.term > term) return false;
  if (books.state == RepositoryState::kCreating) books.intents.clear();
  books.state = RepositoryState::kLive;
  books.primary = storage;
  books.term = term;
  books.acknowledged = ++books.generation;
  books.replicas[storage] = {.row = true, .generation = books.generation, .verified = true};
  WantCopies(books);
  return true;
}

bool MayCopy(const Books& books, int source, int target, bool nothing_there) {
  const Replica& to = books.replicas[target];
  return books.state == RepositoryState::kLive && source != target && target != books.primary &&
         to.job.state == JobState::kReady && to.job.kind == JobKind::kCopy && !to.suspect &&
         (to.row || nothing_there) && !IsProven(books, target) && !IsSource(books, target) &&
         IsSourceFit(books, source);
}

void StartCopy(Books& books, int source, int target) {
  Replica& to = books.replicas[target];
  to.row = true;
  to.job.state = JobState::kRunning;
  to.job.source = source;
  to.job.claim = books.generation;
}

void CompleteCopy(Books& books, int target, bool verified) {
  Replica& to = books.replicas[target];
  const bool claims = to.job.claim != kNoClaim;
  if (claims) {
    to.generation = std::max(to.generation, to.job.claim);
    to.verified = verified;
  }
  EndRun(books, target, !claims || !verified || to.job.wanted > to.job.claim);
}

void LoseJob(Books& books, int target) { books.replicas[target].job.state = JobState::kLingering; }

void ReleaseJob(Books& books, int target) { EndRun(books, target, !IsProven(books, target)); }

void WantCopies(Books& books) {
  if (books.state != RepositoryState::kLive) return;
  for (size_t storage = 0; storage < books.replicas.size(); ++storage) {
    WantCopy(books, static_cast<int>(storage));
  }
}

void WantMissing(Books& books) {
  for (size_t storage = 0; storage < books.replicas.size(); ++storage) {
    Replica& replica = books.replicas[storage];
    if (replica.job.state != JobState::kNone) continue;
    if (books.state == RepositoryState::kLive) WantCopy(books, static_cast<int>(storage));
    if (books.state == RepositoryState::kRemoving) WantDelete(replica);
  }
}

void Withdraw(Books& books, int storage) {
  const auto tainted = Tainted(books, storage);
  for (size_t each = 0; each < books.replicas.size(); ++each) {
    if (!tainted[each]) continue;
    Replica& replica = books.replicas[each];
    replica.generation = replica.aside = kNoClaim;
    replica.verified = false;
    replica.job.claim = kNoClaim;
  }
  if (books.primary != kNoStorage && tainted[books.primary]) {
    books.primary = kNoStorage;
    ++books.term;
  }
  WantCopies(books);
}

void MakeSuspect(Books& books, int storage) {
  if (books.replicas[storage].suspect) return;
  const int64_t claimed = books.replicas[storage].generation;
  Withdraw(books, storage);
  books.replicas[storage].suspect = true;
  books.replicas[storage].aside = claimed;
}

void RestoreSuspect(Books& books, int storage) {
  Replica& replica = books.replicas[storage];
  replica.generation = replica.aside;
  GiveUpSuspect(books, storage);
}

void GiveUpSuspect(Books& books, int storage) {
  books.replicas[storage].suspect = false;
  books.replicas[storage].aside_filesystem_id.clear();
  books.replicas[storage].aside = kNoClaim;
  WantCopies(books);
}

bool MayPromote(const Books& books, int storage) {
  const Replica& replica = books.replicas[storage];
  return books.state == RepositoryState::kLive && storage != books.primary && replica.row &&
         !replica.suspect && !IsBusy(replica) && IsComplete(books, storage);
}

void Promote(Books& books, int storage) {
  const bool behind = !IsCurrent(books, storage);
  ++books.term;
  books.primary = storage;
  books.replicas[storage].job = Job{};
  books.replicas[storage].verified = true;  // it is what the others are compared with
  if (behind) books.replicas[storage].generation = ++books.generation;
  WantCopies(books);
}

void PromoteWithLoss(Books& books, int storage) {
  books.replicas[storage].generation = kNoClaim;  // whatever it claimed, it now leads alone
  Promote(books, storage);
  books.acknowledged = books.generation;
}

void Remove(Books& books) {
  books.state = RepositoryState::kRemoving;
  books.primary = kNoStorage;
  ++books.term;
  for (Replica& replica : books.replicas) WantDelete(replica);
}

bool MayDelete(const Books& books, int storage) {
  const Job& job = books.replicas[storage].job;
  return job.kind == JobKind::kDelete && job.state == JobState::kReady &&
         !books.replicas[storage].in_use &&
         (books.state == RepositoryState::kRemoving ||
          (books.state == RepositoryState::kLive && storage != books.primary &&
           books.replicas[storage].generation == kNoClaim));
}

void StartDelete(Books& books, int storage) {
  Job& job = books.replicas[storage].job;
  job.quiet = books.state == RepositoryState::kRemoving ? NothingInFlight(books)
                                                        : !HasIntentOn(books, storage);
  job.state = JobState::kRunning;
}

void CompleteDelete(Books& books, int storage) {
  Replica& replica = books.replicas[storage];
  if (replica.job.quiet) {
    replica = Replica{};
  } else {
    replica.job = {.state = JobState::kReady, .kind = JobKind::kDelete};
  }
}

void GiveUpDelete(Books& books, int storage) {
  Replica& replica = books.replicas[storage];
  replica.job = Job{};
  if (books.state == RepositoryState::kRemoving) replica = Replica{};
}

bool MayForget(const Books& books) {
  return books.state == RepositoryState::kRemoving && books.intents.empty() &&
         std::all_of(books.replicas.begin(), books.replicas.end(), [](const Replica& replica) {
           return !replica.row && replica.job.state == JobState::kNone;
         });
}

void Adopt(Books& books, int primary, absl::Span<const int> holders) {
  for (int holder : holders) {
    books.replicas[holder].row = true;
    books.replicas[holder].generation = books.generation;
    books.replicas[holder].verified = true;
  }
  books.state = RepositoryState::kLive;
  books.primary = primary;
  ++books.term;
  books.intents.clear();
  WantCopies(books);
}

}  // namespace praefect::datastore
