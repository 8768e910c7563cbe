#include "datastore/changes.h"

#include <algorithm>
#include <utility>

#include "datastore/rules.h"
#include "gitaly/wire.h"

namespace praefect::datastore {
namespace {

// Of a storage that has a place in the books.
using StorageRule = std::function<bool(Books&, int storage)>;

Rule At(std::string storage, StorageRule rule) {
  return [storage = std::move(storage), rule = std::move(rule)](Repository& repository) {
    const int position = repository.Position(storage);
    return position != kNoStorage && rule(repository.books, position);
  };
}

// Of the run that has the replica.
Rule AtRun(std::string storage, int64_t run, StorageRule rule) {
  return At(std::move(storage), [run, rule = std::move(rule)](Books& books, int position) {
    const Replica& replica = books.replicas[position];
    return IsBusy(replica) && replica.job.run == run && rule(books, position);
  });
}

void Own(Job& job, int64_t run, int64_t instance) {
  job.run = run;
  job.instance = instance;
}

// What a text may be in a row, and how long; a character is not cut in two. Never empty: jobs that
// failed are found by their error.
std::string Bounded(std::string_view error) {
  size_t end = std::min(error.size(), kMaxJobErrorBytes);
  while (end > 0 && end < error.size() && (error[end] & 0xC0) == 0x80) --end;
  std::string text(end == 0 ? "unknown error" : error.substr(0, end));
  std::replace(text.begin(), text.end(), '\0', '?');
  if (gitaly::IsUtf8(text)) return text;
  const auto is_not_ascii = [](char c) { return (c & 0x80) != 0; };
  std::replace_if(text.begin(), text.end(), is_not_ascii, '?');
  return text;
}

// False when nothing is left to be done: the replica was proven while its copy ran.
bool Fail(Job& job, int attempts, std::string error, JobState state,
          std::chrono::milliseconds delay) {
  if (job.state != JobState::kReady) return false;
  job.state = state;
  job.attempts = attempts;
  job.error = std::move(error);
  job.delay = delay;
  return true;
}

Rule FailRun(std::string storage, int64_t run, std::string_view error, JobState state,
             std::chrono::milliseconds delay) {
  return AtRun(std::move(storage), run, [=, error = Bounded(error)](Books& books, int position) {
    const Job was = books.replicas[position].job;
    ReleaseJob(books, position);
    Job& job = books.replicas[position].job;
    if (job.kind == was.kind) Fail(job, was.attempts + 1, error, state, delay);
    return true;
  });
}

Rule FailReady(std::string storage, std::string_view error, JobState state,
               std::chrono::milliseconds delay) {
  return At(std::move(storage), [=, error = Bounded(error)](Books& books, int position) {
    Job& job = books.replicas[position].job;
    return Fail(job, job.attempts, error, state, delay);
  });
}

const Intent* FindIntent(const Books& books, int64_t id) {
  for (const Intent& intent : books.intents) {
    if (intent.id == id) return &intent;
  }
  return nullptr;
}

}  // namespace

Rule StartCopyOnto(std::string target, std::vector<std::string> sources, bool nothing_there,
                   int64_t run, int64_t instance) {
  return [=](Repository& repository) {
    Books& books = repository.books;
    const int to = repository.Position(target);
    for (const std::string& source : sources) {
      const int from = repository.Position(source);
      if (to == kNoStorage || from == kNoStorage || !MayCopy(books, from, to, nothing_there))
        continue;
      StartCopy(books, from, to);
      Own(books.replicas[to].job, run, instance);
      return true;
    }
    return false;
  };
}

Rule StartDeleteOn(std::string storage, int64_t run, int64_t instance) {
  return At(std::move(storage), [=](Books& books, int position) {
    if (!MayDelete(books, position)) return false;
    StartDelete(books, position);
    if (!books.replicas[position].job.quiet) return false;
    Own(books.replicas[position].job, run, instance);
    return true;
  });
}

Rule GiveUpDeleteOn(std::string storage) {
  return [storage = std::move(storage)](Repository& repository) {
    const int position = repository.Position(storage);
    if (position == kNoStorage) return false;
    const Replica& replica = repository.books.replicas[position];
    if (replica.job.kind != JobKind::kDelete || replica.job.state == JobState::kNone ||
        IsBusy(replica)) {
      return false;
    }
    if (repository.books.state == RepositoryState::kRemoving) repository.renamed = true;
    GiveUpDelete(repository.books, position);
    return true;
  };
}

Rule CompleteRun(std::string storage, int64_t run, bool verified) {
  return AtRun(std::move(storage), run, [verified](Books& books, int position) {
    if (books.replicas[position].job.kind == JobKind::kDelete) {
      CompleteDelete(books, position);
    } else {
      CompleteCopy(books, position, verified);
    }
    return true;
  });
}

Rule LoseRun(std::string storage, int64_t run) {
  return AtRun(std::move(storage), run, [](Books& books, int position) {
    LoseJob(books, position);
    return true;
  });
}

Rule ReleaseRun(std::string storage, int64_t run) {
  return AtRun(std::move(storage), run, [](Books& books, int position) {
    ReleaseJob(books, position);
    return true;
  });
}

Rule RetryRun(std::string storage, int64_t run, std::string_view error,
              std::chrono::milliseconds delay) {
  return FailRun(std::move(storage), run, error, JobState::kReady, delay);
}

Rule ParkRun(std::string storage, int64_t run, std::string_view error) {
  return FailRun(std::move(storage), run, error, JobState::kParked, {});
}

Rule PutJobOff(std::string storage, std::string_view error, std::chrono::milliseconds delay) {
  return FailReady(std::move(storage), error, JobState::kReady, delay);
}

Rule ParkJob(std::string storage, std::string_view error) {
  return FailReady(std::move(storage), error, JobState::kParked, {});
}

Rule WantAllCopies() {
  return [](Repository& repository) {
    WantCopies(repository.books);
    return true;
  };
}

Rule WantMissingJobs() {
  return [](Repository& repository) {
    WantMissing(repository.books);
    return true;
  };
}

Rule PromoteTo(std::string storage, bool planned) {
  return At(std::move(storage), [planned](Books& books, int position) {
    if (!MayPromote(books, position) || (planned && !books.intents.empty())) return false;
    Promote(books, position);
    return true;
  });
}

Rule PromoteWithLossTo(std::string storage) {
  return At(std::move(storage), [](Books& books, int position) {
    const Replica& replica = books.replicas[position];
    if (books.state != RepositoryState::kLive || !replica.row || IsBusy(replica)) return false;
    PromoteWithLoss(books, position);
    return true;
  });
}

Rule WithdrawClaimOf(std::string storage) {
  return At(std::move(storage), [](Books& books, int position) {
    Withdraw(books, position);
    return true;
  });
}

Rule SuspectStorage(std::string storage, std::string claimed_under) {
  return At(std::move(storage), [=](Books& books, int position) {
    Replica& replica = books.replicas[position];
    if (!replica.row || replica.suspect) return false;
    MakeSuspect(books, position);
    replica.aside_filesystem_id = claimed_under;
    return true;
  });
}

Rule RestoreStorage(std::string storage, std::string filesystem_id) {
  return At(std::move(storage), [=](Books& books, int position) {
    const Replica& replica = books.replicas[position];
    if (!replica.suspect || filesystem_id.empty()) return false;
    if (replica.aside_filesystem_id != filesystem_id) return false;
    RestoreSuspect(books, position);
    return true;
  });
}

Rule SettleSuspectOn(std::string storage, std::string filesystem_id) {
  return At(std::move(storage), [=](Books& books, int position) {
    const Replica& replica = books.replicas[position];
    if (!replica.suspect || replica.aside_filesystem_id.empty()) return false;
    if (replica.aside_filesystem_id == filesystem_id) {
      RestoreSuspect(books, position);
    } else {
      GiveUpSuspect(books, position);
    }
    return true;
  });
}

Rule GiveUpStorage(std::string storage) {
  return At(std::move(storage), [](Books& books, int position) {
    if (!books.replicas[position].suspect) return false;
    GiveUpSuspect(books, position);
    return true;
  });
}

Rule LetIntentLinger(int64_t intent) {
  return [intent](Repository& repository) {
    if (FindIntent(repository.books, intent) == nullptr) return false;
    LetLinger(repository.books, intent);
    return true;
  };
}

Rule EndCreation(int64_t intent, bool node_ok, bool told_otherwise) {
  return [=](Repository& repository) {
    Books& books = repository.books;
    const Intent* found = FindIntent(books, intent);
    if (found == nullptr || books.state == RepositoryState::kLive) return false;
    const Settlement settlement{.intent = intent,
                                .storage = found->storage,
                                .term = found->term,
                                .node_ok = node_ok,
                                .told_otherwise = told_otherwise};
    Settle(books, {&settlement, 1});
    return true;
  };
}

Rule AbandonCreation(int64_t intent) {
  return [intent](Repository& repository) {
    Books& books = repository.books;
    const Intent* found = FindIntent(books, intent);
    if (found == nullptr || books.state == RepositoryState::kLive) return false;
    if (books.state == RepositoryState::kCreating) Remove(books);
    if (found->storage == kNoStorage) {
      DropIntent(books, intent);
    } else {
      LetLinger(books, intent);
    }
    return true;
  };
}

Rule WithdrawCreation(int64_t intent) {
  return [intent](Repository& repository) {
    Books& books = repository.books;
    if (books.state == RepositoryState::kLive || FindIntent(books, intent) == nullptr) return false;
    Remove(books);
    for (Replica& replica : books.replicas) replica = Replica();
    DropIntent(books, intent);
    return true;
  };
}

Rule AdoptFrom(std::vector<std::string> holders, std::string primary,
               std::vector<std::string> assignments) {
  return [=](Repository& repository) {
    if (repository.books.state != RepositoryState::kCreating) return false;
    repository.assignments = assignments;
    if (!assignments.empty()) PlaceWanted(repository, {});
    absl::InlinedVector<int, 3> positions;
    for (const std::string& holder : holders) positions.push_back(repository.Place(holder));
    Adopt(repository.books, repository.Place(primary), positions);
    return true;
  };
}

Rule SettleWriteAgain(SettledWrite write) {
  return [write = std::move(write)](Repository& repository) {
    if (!write.acknowledged && repository.Position(write.storage) == kNoStorage) return false;
    const int storage = repository.Place(write.storage);
    return SettleAgain(repository.books, storage, write.term, write.acknowledged);
  };
}

Rule RemoveRepository() {
  return [](Repository& repository) {
    if (repository.books.state == RepositoryState::kRemoving) return false;
    Remove(repository.books);
    return true;
  };
}

}  // namespace praefect::datastore
