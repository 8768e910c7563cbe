#include "reference_world.h"

#include <algorithm>

#include "datastore/names.h"
#include "datastore/rules.h"

namespace praefect::datastore {
namespace {

constexpr size_t kMostRepositories = 3;  // so that enough happens to each

}  // namespace

int64_t ReferenceWorld::SomeId() {
  if (repositories_.empty()) return 0;
  return std::next(repositories_.begin(), Pick(static_cast<uint32_t>(repositories_.size())))->first;
}

void ReferenceWorld::Step() {
  const int64_t id = SomeId();
  const uint32_t dice = Pick(100);
  if (id == 0 || (dice < 4 && repositories_.size() < kMostRepositories)) {
    Create();
  } else if (dice < 20) {
    OpenWrite(id);
  } else if (dice < 32) {
    ApplyWrite(id);
  } else if (dice < 46) {
    EndWrite(id);
  } else if (dice < 60) {
    StartJob(id);
  } else if (dice < 72) {
    DoJob(id);
  } else if (dice < 84) {
    EndJob(id);
  } else if (dice < 88) {
    LoseJobOf(id);
  } else if (dice < 94) {
    Promote(id);
  } else if (dice < 96) {
    LoseReplica(id);
  } else if (dice < 98) {
    Rename(id);
  } else if (dice < 99) {
    Remove(id);
  } else {
    Die();
  }
  CheckAll();
}

// ---- names
// ---------------------------------------------------------------------------------------

bool ReferenceWorld::PlaceIsTaken(const std::string& path) const {
  return retired_.contains(path) ||
         std::any_of(repositories_.begin(), repositories_.end(),
                     [&](const auto& each) { return each.second.place == path; });
}

void ReferenceWorld::Create() {
  const std::string path = Path();
  const bool has_name = std::any_of(repositories_.begin(), repositories_.end(),
                                    [&](const auto& each) { return each.second.name == path; });
  CHECK(books_.Overlaps(path) == PlaceIsTaken(path));
  const Call call{books_.NextNumber(), 0, Storage(), 1};
  const Creation creation{.name = {"default", path},
                          .replica_path = PlaceIsTaken(path) ? "" : path,
                          .primary = call.storage,
                          .intent = call.intent,
                          .instance = books_.instance};
  const Created created = Await<Created>(
      [&](auto done) { books_.store->Create(creation, db::Soon(), std::move(done)); });
  CHECK((created.id == 0) == has_name);
  if (created.id == 0) return;
  CHECK_FALSE(PlaceIsTaken(created.replica_path));
  Replicated& repository = repositories_[created.id];
  repository.name = path;
  repository.place = created.replica_path;
  repository.writes.push_back({call, 0, true, false});
  repository.writes.back().call.id = created.id;
  repository.writes.back().call.term = books_.Get(created.id).books.term;
}

void ReferenceWorld::Rename(int64_t id) {
  Replicated& repository = repositories_[id];
  if (repository.name.empty()) return;
  const std::string to = Path();
  const bool taken = std::any_of(repositories_.begin(), repositories_.end(),
                                 [&](const auto& each) { return each.second.name == to; });
  const bool renamed = books_.Rename(repository.name, to) == Changed::kDone;
  CHECK(renamed == (repository.live && !taken));
  if (!renamed) return;
  repository.name = to;
  repository.renamed = true;
}

void ReferenceWorld::Remove(int64_t id) {
  Replicated& repository = repositories_[id];
  if (repository.name.empty()) return;
  REQUIRE(books_.Change(repository.name, RemoveRepository()) == Changed::kDone);
  GiveUpName(repository);
}

void ReferenceWorld::GiveUpName(Replicated& repository) {
  repository.name.clear();
  repository.live = false;
  repository.acknowledged.clear();
}

// Its row went with the last delete: nothing of it may be left anywhere.
void ReferenceWorld::Forget(int64_t id) {
  const auto found = repositories_.find(id);
  if (found == repositories_.end() || books_.Exists(id)) return;
  const Replicated& repository = found->second;
  CHECK(repository.name.empty());
  CHECK(repository.writes.empty());
  CHECK(repository.copies.empty());
  for (const auto& [storage, disk] : repository.disks) CHECK_FALSE(disk.has_value());
  if (repository.renamed) retired_.insert(repository.place);
  repositories_.erase(found);
  ++removed_;
}

// ---- writes
// --------------------------------------------------------------------------------------

void ReferenceWorld::OpenWrite(int64_t id) {
  Replicated& repository = repositories_[id];
  Call call = books_.Route(id);
  if (call.storage.empty()) call.storage = Storage();
  if (Pick(8) == 0) call.storage = Storage();  // routed by what was true once
  if (Pick(8) == 0) --call.term;
  if (!books_.Open(call)) return;
  CHECK(repository.live);
  const Repository now = books_.Get(id);
  CHECK(now.Name(now.books.primary) == call.storage);
  CHECK(now.books.term == call.term);
  repository.writes.push_back({call, ++last_write_, false, false});
}

void ReferenceWorld::Apply(Replicated& repository, Write& write) {
  Disk& disk = repository.disks[write.call.storage];
  if (write.creates && !disk) disk.emplace();
  if (disk && !write.creates) disk->insert(write.number);
  write.applied = true;
}

void ReferenceWorld::ApplyWrite(int64_t id) {
  auto& writes = repositories_[id].writes;
  if (writes.empty()) return;
  Write& write = writes[Pick(static_cast<uint32_t>(writes.size()))];
  if (!write.applied) Apply(repositories_[id], write);
}

// A node says OK only to what it applied; of every other end nobody knows. What provably was never
// sent is dropped.
void ReferenceWorld::EndWrite(int64_t id) {
  auto& writes = repositories_[id].writes;
  if (writes.empty()) return;
  const size_t which = Pick(static_cast<uint32_t>(writes.size()));
  const Write& write = writes[which];
  if (!write.applied && write.creates && Pick(5) != 0) {  // most creations work
    return Apply(repositories_[id], writes[which]);
  }
  if (!write.applied && !write.creates && Pick(2) == 0) {
    REQUIRE(Await<bool>([&](auto done) {
      books_.store->DropIntents({write.call.intent}, db::Soon(), std::move(done));
    }));
    writes.erase(writes.begin() + static_cast<int64_t>(which));
    return;
  }
  Settle(id, which, write.applied && Pick(5) != 0, Pick(6) == 0);
}

void ReferenceWorld::Settle(int64_t id, size_t which, bool node_ok, bool told_otherwise) {
  Replicated& repository = repositories_[id];
  const Write write = repository.writes[which];
  repository.writes.erase(repository.writes.begin() + static_cast<int64_t>(which));
  if (write.creates) {
    books_.Change(id, EndCreation(write.call.intent, node_ok, told_otherwise));
    if (!repository.name.empty()) {
      CHECK((books_.Get(id).books.state == RepositoryState::kLive) == node_ok);
      repository.live = node_ok;
      if (!node_ok) GiveUpName(repository);
    }
    return Forget(id);
  }
  if (books_.Settle(write.call, node_ok, told_otherwise) == Settled::kAcknowledged) {
    CHECK(repository.live);
    CHECK(node_ok);
    CHECK_FALSE(told_otherwise);
    repository.acknowledged.insert(write.number);
    ++acknowledged_;
  }
  Forget(id);
}

// ---- jobs
// ----------------------------------------------------------------------------------------

void ReferenceWorld::StartJob(int64_t id) {
  Replicated& repository = repositories_[id];
  const std::string storage = Storage();
  const int64_t run = books_.NextNumber();
  const auto starts = [&](const Rule& rule) { return books_.Change(id, rule) == Changed::kDone; };
  const bool nothing_there = !repository.disks[storage].has_value();
  Copy copy{.target = storage, .run = run};
  if (starts(StartCopyOnto(storage, {Storage(), "a", "b", "c"}, nothing_there, run,
                           books_.instance))) {
    copy.source = books_.Get(id).Name(books_.JobOn(id, storage).source);
  } else if (starts(StartDeleteOn(storage, run, books_.instance))) {
    copy.deletes = true;
  } else {
    return;
  }
  for (const Copy& other : repository.copies) {
    CHECK(other.target != copy.target);                                     // one call at a time
    CHECK((other.deletes || copy.deletes || other.source != copy.target));  // no source is changed
  }
  CHECK((copy.deletes || repository.live));
  repository.copies.push_back(copy);
}

// What the node does; it may do so when nobody waits for it any more.
void ReferenceWorld::Do(Replicated& repository, Copy& copy) {
  Disk& target = repository.disks[copy.target];
  if (copy.deletes) {
    target.reset();
  } else if (repository.disks[copy.source]) {
    target = repository.disks[copy.source];
  }
  copy.done = true;
}

void ReferenceWorld::DoJob(int64_t id) {
  auto& copies = repositories_[id].copies;
  if (copies.empty()) return;
  Do(repositories_[id], copies[Pick(static_cast<uint32_t>(copies.size()))]);
}

void ReferenceWorld::EndJob(int64_t id) {
  auto& copies = repositories_[id].copies;
  if (copies.empty()) return;
  const size_t which = Pick(static_cast<uint32_t>(copies.size()));
  if (copies[which].done && !copies[which].lingers) {
    Complete(id, which);
  } else if (copies[which].lingers || Pick(2) == 0) {  // it can no longer be applied
    const Copy copy = copies[which];
    copies.erase(copies.begin() + static_cast<int64_t>(which));
    books_.Change(id, ReleaseRun(copy.target, copy.run));
    Forget(id);
  }
}

// As replication proves a copy: by comparing, and by what was open or settled meanwhile.
void ReferenceWorld::Complete(int64_t id, size_t which) {
  Replicated& repository = repositories_[id];
  const Copy copy = repository.copies[which];
  repository.copies.erase(repository.copies.begin() + static_cast<int64_t>(which));
  const bool equal = copy.deletes || repository.disks[copy.target] == repository.disks[copy.source];
  books_.Change(id, CompleteRun(copy.target, copy.run, equal));
  Forget(id);
}

void ReferenceWorld::LoseJobOf(int64_t id) {
  auto& copies = repositories_[id].copies;
  if (copies.empty()) return;
  Copy& copy = copies[Pick(static_cast<uint32_t>(copies.size()))];
  books_.Change(id, LoseRun(copy.target, copy.run));
  copy.lingers = true;
}

// ---- what goes wrong
// -----------------------------------------------------------------------------

void ReferenceWorld::Promote(int64_t id) {
  const std::string storage = Storage();
  if (books_.Change(id, PromoteTo(storage, Pick(2) == 0)) != Changed::kDone) return;
  for (const Copy& copy : repositories_[id].copies) CHECK(copy.target != storage);
  ++promoted_;
}

// Only where another one that is no copy of it holds everything: else there is nothing to keep.
void ReferenceWorld::LoseReplica(int64_t id) {
  Replicated& repository = repositories_[id];
  const std::string storage = Storage();
  const Repository now = books_.Get(id);
  const bool spreads = !repository.copies.empty();
  const bool another =
      std::any_of(now.storages.begin(), now.storages.end(), [&](const std::string& other) {
        return other != storage && now.books.replicas[now.Position(other)].row &&
               IsComplete(now.books, now.Position(other));
      });
  const int position = now.Position(storage);
  if (!repository.live || spreads || !another || position == kNoStorage ||
      !now.books.replicas[position].row) {
    return;
  }
  repository.disks[storage].reset();
  REQUIRE(books_.Change(id, WithdrawClaimOf(storage)) == Changed::kDone);
  const Repository then = books_.Get(id);
  if (then.books.primary != kNoStorage) return;
  for (const std::string& other : then.storages) {
    if (books_.Change(id, PromoteTo(other, false)) == Changed::kDone) return;
  }
}

// Its calls are in the hands of who comes after it.
void ReferenceWorld::Die() {
  REQUIRE(books_.Bury(books_.BeatOf(books_.instance)));
  books_.instance = books_.NewInstance();
  for (auto& [id, repository] : repositories_) {
    for (Copy& copy : repository.copies) copy.lingers = true;
  }
}

// ---- what must hold
// ------------------------------------------------------------------------------

void ReferenceWorld::CheckAll() {
  for (const auto& [id, repository] : repositories_) CheckOne(id, repository);
}

void ReferenceWorld::CheckOne(int64_t id, const Replicated& repository) {
  const Repository found = books_.Get(id);
  const Books& books = found.books;
  INFO(Dump(found));
  REQUIRE(found.name.relative_path == repository.name);
  REQUIRE(found.replica_path == repository.place);
  REQUIRE((books.state == RepositoryState::kLive) == repository.live);
  if (!repository.live) return;
  const bool quiet = repository.writes.empty() && repository.copies.empty();
  for (int each = 0; each < static_cast<int>(found.storages.size()); ++each) {
    const auto on = repository.disks.find(found.storages[each]);
    const Disk disk = on == repository.disks.end() ? Disk() : on->second;
    const bool vouched =
        each == books.primary || (books.replicas[each].row && IsComplete(books, each));
    INFO("storage " << found.storages[each]);
    if (vouched) {  // holds every acknowledged write
      REQUIRE(disk.has_value());
      REQUIRE(std::includes(disk->begin(), disk->end(), repository.acknowledged.begin(),
                            repository.acknowledged.end()));
    }
    if (quiet && books.primary != kNoStorage && books.replicas[each].row &&
        IsCurrent(books, each)) {  // equals the primary
      REQUIRE(disk == repository.disks.at(found.Name(books.primary)));
    }
    if (!IsCurrent(books, each)) {  // has a job
      REQUIRE(books.replicas[each].job.state != JobState::kNone);
    }
  }
}

void ReferenceWorld::ComeToRest() {
  for (bool busy = true; busy;) {
    busy = false;
    std::vector<int64_t> ids;
    for (const auto& [id, repository] : repositories_) ids.push_back(id);
    for (const int64_t id : ids) {
      while (repositories_.contains(id) && !repositories_[id].writes.empty()) {
        Settle(id, 0, repositories_[id].writes[0].applied, false);
      }
      while (repositories_.contains(id) && !repositories_[id].copies.empty()) {
        Copy& copy = repositories_[id].copies[0];
        if (copy.lingers) {
          EndJob(id);
        } else {
          Do(repositories_[id], copy);
          Complete(id, 0);
        }
      }
      for (const char* storage : {"a", "b", "c"}) {
        if (!repositories_.contains(id) || !repositories_[id].copies.empty()) continue;
        if (books_.JobOn(id, storage).state != JobState::kReady) continue;
        while (repositories_[id].copies.empty() &&
               books_.JobOn(id, storage).state == JobState::kReady) {
          StartJob(id);
        }
        busy = true;
      }
    }
  }
  CheckAll();
  for (const auto& [id, repository] : repositories_) {
    REQUIRE(repository.live);
    const Repository found = books_.Get(id);
    for (const char* storage : {"a", "b", "c"}) {
      INFO(Dump(found));
      CHECK(repository.disks.at(storage) == repository.disks.at(found.Name(found.books.primary)));
      CHECK(IsCurrent(found.books, found.Position(storage)));
    }
  }
}

}  // namespace praefect::datastore
