// The steps of the names model that no client waits for: copies, deletes, late calls, the cache,
// reads, a death.

#include "names_steps.h"

namespace praefect::datastore {

using Model = NamesModel;

// --- Jobs ---

void NamesSteps::Jobs(int id) {
  const Model::Repository& repository = before_.repository[id];
  if (repository.existence != Model::kInBooks) return;
  if (MayForget(UnpackBooks(before_, id))) {
    next_.repository[id].existence = Model::kGone;
    return Go([&] { return Repo(id) + ": its row goes"; });
  }
  for (int n = 0; n < Model::kNodes; ++n) {
    if (repository.row[n].kind == uint8_t(JobKind::kCopy)) RunCopy(id, n);
    if (repository.row[n].kind == uint8_t(JobKind::kDelete)) RunDelete(id, n);
  }
}

void NamesSteps::RunCopy(int id, int n) {
  const Model::Row& row = before_.repository[id].row[n];
  const std::string what = Repo(id) + " copy to " + Node(n);
  Books books = UnpackBooks(before_, id);
  const bool there = before_.directory[Model::PlaceOf(before_, id)][n].maker;
  if (row.job == uint8_t(JobState::kReady) && before_.joined &&
      MayCopy(books, 1 - n, n, !there || mistakes_.copies_without_look)) {
    StartCopy(books, 1 - n, n);
    PackBooks(books, id, &next_);
    next_.repository[id].row[n].worker = Worker();
    if (mistakes_.rows_after_calls) next_.repository[id].row[n].row = row.row;
    return Go([&] { return what + " starts"; });
  }
  if (row.job != uint8_t(JobState::kRunning)) return;
  if (IsAlive(row.worker)) {
    books.replicas[n].row = true;
    CompleteCopy(books, n, true);
    PackBooks(books, id, &next_);
    LandCopy(id, n);
    Notify(id, row.worker);
    return Go([&] { return what + " is done"; });
  }
  ReleaseJob(books, n);
  for (const bool lands : {true, false}) {
    PackBooks(books, id, &next_);
    if (lands) LandCopy(id, n);
    Go([&] { return what + (lands ? " lands late, linger over" : " never landed, linger over"); });
  }
  if (!mistakes_.releases_lost_copies || before_.stray.kind) return;
  PackBooks(books, id, &next_);
  next_.stray = {uint8_t(JobKind::kCopy) + 1, uint8_t(id), uint8_t(n)};
  Go([&] { return what + " is lost, released at once"; });
}

void NamesSteps::RunDelete(int id, int n) {
  const Model::Row& row = before_.repository[id].row[n];
  const std::string what = Repo(id) + " delete on " + Node(n);
  Books books = UnpackBooks(before_, id);
  if (MayDelete(books, n)) {
    StartDelete(books, n);
    if (mistakes_.counts_any_delete) books.replicas[n].job.quiet = true;
    PackBooks(books, id, &next_);
    next_.repository[id].row[n].worker = Worker();
    return Go([&] { return what + " starts"; });
  }
  if (row.job != uint8_t(JobState::kRunning)) return;
  if (IsAlive(row.worker)) {
    CompleteDelete(books, n);
    if (mistakes_.counts_any_delete) books.intents.clear();
    const bool gone = MayForget(books);
    PackBooks(books, id, &next_);
    LandDelete(id, n);
    if (gone) next_.repository[id].existence = Model::kGone;
    return Go([&] { return what + (gone ? " is done, the row goes" : " is done"); });
  }
  ReleaseJob(books, n);
  for (const bool lands : {true, false}) {
    PackBooks(books, id, &next_);
    if (lands) LandDelete(id, n);
    Go([&] { return what + (lands ? " lands late, due again" : " never landed, due again"); });
  }
  if (!mistakes_.releases_lost_deletes || before_.stray.kind) return;
  PackBooks(books, id, &next_);
  next_.stray = {uint8_t(JobKind::kDelete) + 1, uint8_t(id), uint8_t(n)};
  Go([&] { return what + " is lost, due again at once"; });
}

void NamesSteps::StrayLands() {
  const Model::Stray& stray = before_.stray;
  if (!stray.kind) return;
  const bool copy = stray.kind == uint8_t(JobKind::kCopy) + 1;
  copy ? LandCopy(stray.repository, stray.node) : LandDelete(stray.repository, stray.node);
  next_.stray = {};
  Go([&] {
    return Repo(stray.repository) + (copy ? ": the lost copy lands" : ": the lost delete lands");
  });
}

// --- Reads, and the cache of A ---

void NamesSteps::Cache() {
  for (int path = 0; path < Model::kPaths && limits_.caches && !before_.cache.repository; ++path) {
    const int id = Model::Holder(before_, path);
    if (id < 0 || before_.repository[id].state != uint8_t(RepositoryState::kLive)) continue;
    const Books books = UnpackBooks(before_, id);
    const Model::CachedRoute route{uint8_t(id + 1), uint8_t(path),
                                   MayRead(books, books.primary == 0 ? 1 : 0)};
    if (mistakes_.caches_unchecked && before_.query.repository) continue;
    (mistakes_.caches_unchecked ? next_.query : next_.cache) = route;
    Go(true, [&] { return "A caches " + Path(path) + " = " + Repo(id); });
  }
  if (before_.query.repository) {
    next_.cache = before_.query;
    next_.query = {};
    Go(true, [] { return std::string("A caches what it queried"); });
  }
  for (int id = 0; id < Model::kIds; ++id) {
    if (!(before_.notifications >> id & 1)) continue;
    next_.notifications &= ~(1 << id);
    if (next_.cache.repository == id + 1) next_.cache = {};
    Go([&] { return "A hears about " + Repo(id); });
  }
}

void NamesSteps::Reads() {
  if (before_.reads >= limits_.reads) return;
  for (int path = 0; path < Model::kPaths; ++path) {
    const int id = Model::Holder(before_, path);
    const bool place = Model::IsPlace(before_, path, mistakes_) && !mistakes_.reads_others_places;
    if (id < 0 ? place : before_.repository[id].state != uint8_t(RepositoryState::kLive)) continue;
    for (int n = 0; n < Model::kNodes; ++n) {
      if (id >= 0 && !MayRead(UnpackBooks(before_, id), n)) continue;
      ++next_.reads;
      next_.read = {1, uint8_t(path), uint8_t(id < 0 ? path : Model::PlaceOf(before_, id)),
                    uint8_t(n), uint8_t(1 << (id < 0 ? Model::kUnknownContent : id + 1))};
      Go(true, [&] { return "a read of " + Path(path) + " is routed to " + Node(n); });
    }
  }
}

void NamesSteps::ReadLands() {
  const Model::Read& read = before_.read;
  const uint8_t maker = before_.directory[read.place][read.node].maker;
  if (maker && !(read.allowed >> maker & 1)) next_.harm = Model::kReadOther;
  next_.read = {};
  Go([&] { return "the read of " + Path(read.path) + " lands on " + Node(read.node); });
}

void NamesSteps::Die() {
  next_.dead = 1;
  for (int k = 0; k < Model::kMaxOperations; ++k) {
    const Model::Operation& operation = before_.operation[k];
    if (operation.instance != 1) continue;
    const bool recorded = operation.intent != 0;
    if (operation.phase == Model::kSent) {
      next_.operation[k].phase = Model::kUnproven;
      if (mistakes_.sends_after_burial) next_.operation[k].call = Model::kAsleep;
    } else if (operation.phase != Model::kUnused && operation.phase != Model::kUnproven &&
               operation.phase != Model::kDone && !recorded) {
      Finish(k);
    }
  }
  Go(true, [] { return std::string("B dies"); });
}

}  // namespace praefect::datastore
