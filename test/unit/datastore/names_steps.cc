#include "names_steps.h"

#include "datastore/names.h"

namespace praefect::datastore {
namespace {

using Model = NamesModel;

constexpr int64_t kGeneration =
    1;  // of every repository: only who is current and who is behind counts
constexpr int64_t kTerm = 1;

int64_t UnpackGeneration(uint8_t packed) { return int64_t{packed} - 1; }
uint8_t PackGeneration(int64_t generation, const Books& books) {
  return generation == kNoClaim ? 0 : generation == books.generation ? 2 : 1;
}

}  // namespace

Books UnpackBooks(const NamesState& state, int id) {
  const Model::Repository& repository = state.repository[id];
  Books books;
  books.state = static_cast<RepositoryState>(repository.state);
  books.primary = repository.primary == Model::kNodes ? kNoStorage : repository.primary;
  books.term = kTerm;
  books.generation = kGeneration;
  for (int n = 0; n < Model::kNodes; ++n) {
    const Model::Row& row = repository.row[n];
    Job job{.state = static_cast<JobState>(row.job),
            .kind = static_cast<JobKind>(row.kind),
            .wanted = kGeneration,
            .source = 1 - n,
            .claim = UnpackGeneration(row.claim),
            .quiet = row.quiet != 0};
    books.replicas.push_back({.row = row.row != 0,
                              .generation = UnpackGeneration(row.generation),
                              .verified = true,
                              .job = job});
  }
  for (int k = 0; k < Model::kMaxOperations; ++k) {
    const Model::Operation& operation = state.operation[k];
    if (!operation.intent || operation.repository != id) continue;
    books.intents.push_back({.id = k,
                             .storage = operation.node,
                             .term = kTerm,
                             .lingering = operation.phase == Model::kUnproven});
  }
  return books;
}

void PackBooks(const Books& books, int id, NamesState* state) {
  Model::Repository& repository = state->repository[id];
  repository.state = static_cast<uint8_t>(books.state);
  repository.primary = books.primary == kNoStorage ? Model::kNodes : books.primary;
  for (int n = 0; n < Model::kNodes; ++n) {
    const Replica& replica = books.replicas[n];
    Model::Row& row = repository.row[n];
    row.row = replica.row;
    row.generation = PackGeneration(replica.generation, books);
    row.job = static_cast<uint8_t>(replica.job.state);
    row.kind = static_cast<uint8_t>(replica.job.kind);
    row.claim = IsBusy(replica) ? PackGeneration(replica.job.claim, books) : 0;
    row.quiet = replica.job.quiet;
    if (!IsBusy(replica)) row.worker = 0;
  }
  for (int k = 0; k < Model::kMaxOperations; ++k) {
    Model::Operation& operation = state->operation[k];
    if (operation.repository != id || !operation.intent) continue;
    operation.intent = 0;
    for (const Intent& intent : books.intents) operation.intent |= intent.id == k;
  }
}

void NamesSteps::All() {
  for (int k = 0; k < limits_.operations; ++k) {
    const uint8_t phase = before_.operation[k].phase;
    if (phase == Model::kUnused) Begin(k);
    if (phase == Model::kRouting) Route(k, false);
    if (phase == Model::kAsked || phase == Model::kRouted) RunOpen(k);
    if (phase >= Model::kAdopting && phase <= Model::kAdoptionAsked) Adopt(k);
    if (phase == Model::kSent) Sent(k);
    if (phase != Model::kSent && before_.operation[k].call) OnNode(k);
    if (phase == Model::kUnproven) Unproven(k);
  }
  for (int id = 0; id < Model::kIds; ++id) Jobs(id);
  Cache();
  before_.read.active ? ReadLands() : Reads();
  StrayLands();
  if (!before_.joined) {
    next_.joined = 1;
    Go(true, [] { return std::string("N2 joins"); });
  }
  if (limits_.deaths && !before_.dead) Die();
}

void NamesSteps::Go(bool optional, Label label) {
  emit_(next_, optional, label);
  next_ = before_;
}

int NamesSteps::FreeId() const {
  for (int id = 0; id < Model::kIds; ++id) {
    if (before_.repository[id].existence == Model::kNever) return id;
  }
  return -1;
}

int NamesSteps::Ask(int path) const {
  const auto& there = before_.directory[path];
  return (there[0].maker ? 1 : 0) | (before_.joined && there[1].maker ? 2 : 0);
}

std::string NamesSteps::Who(int k) const {
  const char* kinds[] = {"create ", "write ", "remove ", "rename ", "remove the namespace of "};
  const Model::Operation& operation =
      before_.operation[k].phase ? before_.operation[k] : next_.operation[k];
  return absl::StrCat("operation ", k + 1, " (",
                      operation.instance ? "B: " : "A: ", kinds[operation.kind],
                      Path(operation.path), ") ");
}

void NamesSteps::Finish(int k) {
  Model::Operation& operation = next_.operation[k];
  if (operation.call) {
    operation.phase = Model::kDone;
    operation.intent = 0;
  } else {
    operation = {};
    operation.phase = Model::kDone;
  }
}

void NamesSteps::RouteAnew(int k) {
  const Model::Operation& operation = before_.operation[k];
  next_.operation[k] = {};
  next_.operation[k].kind = operation.kind;
  next_.operation[k].instance = operation.instance;
  next_.operation[k].path = operation.path;
  next_.operation[k].phase = Model::kRouting;
}

void NamesSteps::Notify(int id, int by) {
  if (by != 0) {
    next_.notifications |= 1 << id;
  } else if (next_.cache.repository == id + 1) {
    next_.cache = {};
  }
}

// --- Operations ---

void NamesSteps::Begin(int k) {
  if (k > 0 && before_.operation[k - 1].phase == Model::kUnused) return;
  const bool alike = k == 0 && !before_.directory[0][0].maker && !before_.directory[0][1].maker;
  const int kinds = mistakes_.sends_remove_namespace ? 5 : 4;
  const int instances = (limits_.deaths && !before_.dead) || limits_.caches ? 2 : 1;
  for (int kind = 0; kind < kinds; ++kind) {
    for (int instance = 0; instance < instances; ++instance) {
      for (int path = 0; path < (alike ? 1 : Model::kPaths); ++path) {
        if (!IsAlive(instance)) continue;
        next_.operation[k].kind = kind;
        next_.operation[k].instance = instance;
        next_.operation[k].path = path;
        Route(k, true);
      }
    }
  }
}

// `optional`: the client has not begun yet, and does not where there is nothing to do.
void NamesSteps::Route(int k, bool optional) {
  Model::Operation& operation = next_.operation[k];
  const int path = operation.path;
  const int id = Model::Holder(before_, path);
  const auto nothing = [&] {
    if (!optional) {
      Finish(k);
      Go([&] { return Who(k) + "ends: not there, taken or busy"; });
    }
    next_ = before_;
  };
  if (operation.kind == Model::kRemoveNamespace) {
    if (id >= 0) return nothing();
    for (Model::Directory& directory : next_.directory[path]) {
      if (directory.maker) next_.harm = Model::kDeleted;
      directory = {};
    }
    Finish(k);
    return Go(optional,
              [&] { return Who(k) + "is sent to the nodes: nothing below it in the books"; });
  }
  if (operation.kind == Model::kCreate) {
    if (id >= 0 && before_.repository[id].state == uint8_t(RepositoryState::kLive))
      return nothing();
    operation.phase = Model::kAsked;
    operation.found = mistakes_.asks_one_node ? Ask(path) & 1 : Ask(path);
    return Go(optional, [&] { return Who(k) + "asks the nodes"; });
  }
  if (id >= 0) return RouteKnown(k, id, optional);
  if (Model::IsPlace(before_, path, mistakes_) && !mistakes_.reads_others_places) return nothing();
  if (operation.kind != Model::kWrite && !Ask(path)) return nothing();
  operation.phase = Model::kAdopting;
  Go(optional, [&] { return Who(k) + "knows no such path"; });
}

void NamesSteps::RouteKnown(int k, int id, bool optional) {
  Model::Operation& operation = next_.operation[k];
  const Model::Repository& repository = before_.repository[id];
  const bool live = repository.state == uint8_t(RepositoryState::kLive);
  const bool has_rows = repository.row[0].row || repository.row[1].row;
  const bool usable = live || (operation.kind == Model::kRemove && has_rows) ||
                      (operation.kind == Model::kWrite && mistakes_.opens_any_state);
  if (!usable) {  // a creation or an adoption is waited for
    if (!optional) {
      Finish(k);
      Go([&] { return Who(k) + "ends: busy"; });
    }
    next_ = before_;
    return;
  }
  if (operation.kind == Model::kRemove && !mistakes_.finds_by_cached_id) {
    RemoveRepository(id, operation.instance);
    Finish(k);
    return Go(optional, [&] { return Who(k) + "takes the name of " + Repo(id); });
  }
  const bool by_id = operation.kind == Model::kWrite || mistakes_.finds_by_cached_id;
  operation.repository = by_id ? id : 0;
  operation.node = by_id ? repository.primary % Model::kNodes : 0;
  operation.phase = operation.kind == Model::kRename ? Model::kAsked : Model::kRouted;
  if (operation.kind == Model::kRename && !mistakes_.renames_onto_unknown) {
    operation.found = Ask(1 - operation.path);
  }
  Go(optional, [&] { return Who(k) + "is routed to " + Repo(id); });
}

void NamesSteps::RemoveRepository(int id, int by) {
  Books books = UnpackBooks(next_, id);
  const Books was = books;
  Remove(books);
  for (size_t n = 0; n < books.replicas.size() && mistakes_.deletes_without_rows; ++n) {
    const bool wanted = was.replicas[n].job.state == JobState::kReady && before_.joined;
    if (!was.replicas[n].row && wanted) {
      books.replicas[n].job = {.state = JobState::kReady, .kind = JobKind::kDelete};
    }
  }
  PackBooks(books, id, &next_);
  next_.repository[id].name = 0;
  if (!mistakes_.hides_names) Notify(id, by);
}

void NamesSteps::Adopt(int k) {
  const Model::Operation& operation = before_.operation[k];
  if (!IsAlive(operation.instance)) {
    if (operation.intent) next_.repository[operation.repository] = {};
    Finish(k);
    return Go([&] { return Who(k) + "its owner is dead, nothing is adopted"; });
  }
  const bool create = operation.kind == Model::kCreate;
  if (operation.phase == Model::kAdopting && !mistakes_.asks_before_adoption_row) {
    return RecordAdoption(k);
  }
  if (operation.phase == Model::kAdopting) {
    next_.operation[k].found = Ask(operation.path);
    next_.operation[k].phase = Model::kAdoptionAsked;
    return Go([&] { return Who(k) + "asks the nodes"; });
  }
  if (operation.phase == Model::kAdoptionAsked && operation.found) return RecordAdoption(k);
  if (operation.phase == Model::kAdoptionAsked) {
    create ? RouteAnew(k) : Finish(k);
    return Go([&] { return Who(k) + "finds nothing to adopt"; });
  }
  const int found = Ask(operation.path);
  RouteAnew(k);
  if (found) {
    TakeAdopted(operation.repository, found, operation.instance);
  } else {
    next_.repository[operation.repository] = {};
    if (!create) Finish(k);
  }
  Go([&] { return Who(k) + (found ? "asks the nodes and adopts" : "finds nothing to adopt"); });
}

void NamesSteps::RecordAdoption(int k) {
  const Model::Operation& operation = before_.operation[k];
  const int id = FreeId();
  const bool place = Model::IsPlace(before_, operation.path, mistakes_);
  if (id < 0 || Model::Holder(before_, operation.path) >= 0 ||
      (place && !mistakes_.reads_others_places)) {
    id < 0 ? Finish(k) : RouteAnew(k);
    return Go([&] { return Who(k) + "is routed anew"; });
  }
  Model::Repository& repository = next_.repository[id];
  repository = {};
  repository.existence = Model::kInBooks;
  repository.state = uint8_t(RepositoryState::kCreating);
  repository.name = operation.path + 1;
  repository.place = operation.path;
  repository.primary = Model::kNodes;
  if (mistakes_.asks_before_adoption_row) {
    RouteAnew(k);
    TakeAdopted(id, operation.found, operation.instance);
  } else {
    next_.operation[k].phase = Model::kAdoptionRecorded;
    next_.operation[k].repository = id;
    next_.operation[k].intent = 1;
  }
  Go([&] { return Who(k) + "records " + Repo(id) + " for adoption"; });
}

void NamesSteps::TakeAdopted(int id, int found, int instance) {
  Books books = UnpackBooks(next_, id);
  absl::InlinedVector<int, 2> holders;
  for (int n = 0; n < Model::kNodes; ++n) {
    if (found >> n & 1) holders.push_back(n);
  }
  datastore::Adopt(books, holders[0], holders);
  PackBooks(books, id, &next_);
  for (Model::Directory& directory : next_.directory[next_.repository[id].place]) {
    if (directory.maker == Model::kUnknownContent) directory.maker = id + 1;
  }
  Notify(id, instance);
}

void NamesSteps::RunOpen(int k) {
  const Model::Operation& operation = before_.operation[k];
  if (operation.kind == Model::kWrite) return OpenWrite(k);
  if (operation.kind == Model::kRename) return OpenRename(k);
  if (operation.kind == Model::kCreate) return OpenCreate(k);
  const int id = operation.repository;  // a removal by an id that was cached
  const Model::Repository& repository = before_.repository[id];
  if (repository.existence == Model::kInBooks &&
      repository.state == uint8_t(RepositoryState::kLive)) {
    if (repository.name != operation.path + 1) next_.harm = Model::kRemovedOther;
    RemoveRepository(id, operation.instance);
  }
  Finish(k);
  Go([&] { return Who(k) + "takes " + Repo(id) + " away, whatever its name"; });
}

void NamesSteps::OpenWrite(int k) {
  const Model::Operation& operation = before_.operation[k];
  const int id = operation.repository;
  const Model::Repository& repository = before_.repository[id];
  const bool named = repository.name == operation.path + 1;
  Books books = UnpackBooks(before_, id);
  const bool may = mistakes_.opens_any_state || MayOpen(books, operation.node, kTerm);
  if (repository.existence != Model::kInBooks || !may || !(named || mistakes_.opens_any_name)) {
    RouteAnew(k);
    return Go([&] { return Who(k) + "finds no such row, is routed anew"; });
  }
  next_.operation[k].phase = Model::kSent;
  next_.operation[k].intent = 1;
  next_.operation[k].call = Model::kPending;
  if (!mistakes_.hides_opens) Notify(id, operation.instance);
  if (!named) next_.harm = Model::kWroteOther;
  Go([&] { return Who(k) + "opened on " + Repo(id) + ", sent to " + Node(operation.node); });
}

void NamesSteps::OpenRename(int k) {
  const Model::Operation& operation = before_.operation[k];
  const int target = 1 - operation.path;
  const int id =
      mistakes_.finds_by_cached_id ? operation.repository : Model::Holder(before_, operation.path);
  const bool live = id >= 0 && before_.repository[id].existence == Model::kInBooks &&
                    before_.repository[id].state == uint8_t(RepositoryState::kLive);
  const bool unknown_there = operation.found && !Model::IsPlace(before_, target, mistakes_);
  Finish(k);
  if (!live || Model::Holder(before_, target) >= 0 || unknown_there) {
    return Go([&] { return Who(k) + "is refused"; });
  }
  if (before_.repository[id].name != operation.path + 1) next_.harm = Model::kRemovedOther;
  next_.repository[id].name = target + 1;
  next_.repository[id].renamed = 1;
  if (!mistakes_.hides_names) Notify(id, operation.instance);
  Go([&] { return Who(k) + Repo(id) + " is now " + Path(target); });
}

void NamesSteps::OpenCreate(int k) {
  const Model::Operation& operation = before_.operation[k];
  const int holder = Model::Holder(before_, operation.path);
  const int id = FreeId();
  const bool creating =
      holder >= 0 && before_.repository[holder].state == uint8_t(RepositoryState::kCreating);
  if (creating) return;  // waits
  if (holder >= 0 || id < 0) {
    Finish(k);
    return Go([&] { return Who(k) + "ends: exists"; });
  }
  const bool taken = Model::IsPlace(before_, operation.path, mistakes_);
  const CreationPlace place =
      PlaceOfCreation("p.git", {.all_answered = true,
                                .something_there = operation.found && !taken,
                                .overlaps = taken && !mistakes_.shares_places});
  if (place == CreationPlace::kAdoptFirst && !mistakes_.creates_beside_unknown) {
    next_.operation[k].phase = Model::kAdopting;
    next_.operation[k].found = 0;
    return Go([&] { return Who(k) + "found something unknown"; });
  }
  Model::Repository& repository = next_.repository[id];
  repository = {};
  repository.existence = Model::kInBooks;
  repository.state = uint8_t(RepositoryState::kCreating);
  repository.name = operation.path + 1;
  repository.place = place == CreationPlace::kRelativePath ? operation.path : Model::kPaths;
  repository.row[0].row = 1;
  repository.row[0].generation = 2;
  next_.operation[k] = {operation.kind,
                        operation.instance,
                        operation.path,
                        Model::kSent,
                        uint8_t(id),
                        0,
                        0,
                        Model::kPending,
                        1};
  Go([&] { return Who(k) + "recorded as " + Repo(id) + ", sent to N1"; });
}

// --- Calls on the nodes ---

void NamesSteps::LandWrite(int k) {
  Model::Operation& operation = next_.operation[k];
  const int id = operation.repository;
  Model::Directory& directory = next_.directory[Model::PlaceOf(before_, id)][operation.node];
  operation.call = Model::kNowhere;
  if (operation.kind == Model::kCreate && !directory.maker) {
    directory.maker = id + 1;
    directory.writes = 1 << k;
  } else if (directory.maker == id + 1) {
    directory.writes |= 1 << k;
  } else if (operation.kind == Model::kWrite && directory.maker) {
    next_.harm = Model::kWroteOther;
  }
}

void NamesSteps::LandCopy(int id, int n) {
  auto& there = next_.directory[Model::PlaceOf(before_, id)];
  if (there[n].maker && there[n].maker != id + 1) next_.harm = Model::kOverwrote;
  const bool ours = there[1 - n].maker == id + 1;
  there[n].maker = id + 1;
  there[n].writes = ours ? there[1 - n].writes : 0;
}

void NamesSteps::LandDelete(int id, int n) {
  Model::Directory& directory = next_.directory[Model::PlaceOf(before_, id)][n];
  if (directory.maker && directory.maker != id + 1) next_.harm = Model::kDeleted;
  directory = {};
}

// True when it was acknowledged. A repository whose row is gone is not touched.
bool NamesSteps::SettleOperation(int k, bool node_ok) {
  const Model::Operation& operation = before_.operation[k];
  const int id = operation.repository;
  Model::Repository& repository = next_.repository[id];
  if (repository.existence != Model::kInBooks) return false;
  Books books = UnpackBooks(next_, id);
  const Settlement settlement{
      .intent = k, .storage = operation.node, .term = kTerm, .node_ok = node_ok};
  const bool removed = books.state == RepositoryState::kRemoving;
  if (removed && node_ok && operation.kind == Model::kCreate && mistakes_.revives_removed) {
    next_.harm = Model::kCameBack;
  }
  const bool good = Acknowledges(books, settlement);
  Settle(books, {&settlement, 1});
  if (books.state == RepositoryState::kRemoving) repository.name = 0;
  PackBooks(books, id, &next_);
  if (good) repository.acknowledged |= 1 << k;
  return good;
}

void NamesSteps::Sent(int k) {
  const Model::Operation& operation = before_.operation[k];
  const int place = Model::PlaceOf(before_, operation.repository);
  const bool create = operation.kind == Model::kCreate;
  const bool there = create || before_.directory[place][operation.node].maker;
  const auto unproven = [&](bool over, bool fault, const char* what) {
    if (over) next_.operation[k].call = Model::kNowhere;
    next_.operation[k].phase = Model::kUnproven;
    Go(fault, [&] { return Who(k) + what; });
  };
  if (there) {
    LandWrite(k);
    const bool good = SettleOperation(k, true);
    Finish(k);
    Go([&] { return Who(k) + "applied, " + (good ? "acknowledged" : "not acknowledged"); });
  }
  if (create) {
    LandWrite(k);
    unproven(false, false, "applied, answered with an error");
  }
  if (create || !there) unproven(true, false, "refused by the node");
  if (before_.lost < limits_.lost) {
    ++next_.lost;
    unproven(false, true, "its call is lost");
  }
}

void NamesSteps::OnNode(int k) {
  LandWrite(k);
  if (before_.operation[k].phase == Model::kDone) Finish(k);
  Go([&] { return Who(k) + "applied, nobody waits for it"; });
  next_.operation[k].call = Model::kNowhere;
  if (before_.operation[k].phase == Model::kDone) Finish(k);
  Go([&] { return Who(k) + "over on the node"; });
}

void NamesSteps::Unproven(int k) {
  const Model::Operation& operation = before_.operation[k];
  const int id = operation.repository;
  const bool creating = operation.kind == Model::kCreate &&
                        before_.repository[id].state == uint8_t(RepositoryState::kCreating);
  const bool lingers = operation.call == Model::kPending && !mistakes_.settles_without_linger;
  if (creating && lingers) {
    RemoveRepository(id, IsAlive(operation.instance) ? operation.instance : 0);
    return Go([&] { return Who(k) + "has failed, gives its name up, lingers"; });
  }
  if (lingers) return;
  SettleOperation(k, false);
  if (creating) Notify(id, IsAlive(operation.instance) ? operation.instance : 0);
  Finish(k);
  Go([&] { return Who(k) + "settled as maybe applied"; });
}

}  // namespace praefect::datastore
