#include "names_model.h"

#include <algorithm>

#include "names_steps.h"

namespace praefect::datastore {
namespace {

using Model = NamesModel;
using State = Model::State;
using Renaming = std::array<uint8_t, Model::kIds>;  // of repositories

constexpr uint8_t kLive = uint8_t(RepositoryState::kLive);

bool IsIn(const Model::Repository& repository) { return repository.existence == Model::kInBooks; }

const char* WordsFor(uint8_t harm) {
  switch (harm) {
    case Model::kWroteOther:
      return "a write reached another repository than the one that has the name (I3)";
    case Model::kOverwrote:
      return "a copy overwrote what Praefect neither created nor adopted (I7)";
    case Model::kDeleted:
      return "a delete removed what Praefect neither created nor adopted (I7)";
    case Model::kReadOther:
      return "a read reached a repository that has not had the name since it was routed (I3)";
    case Model::kRemovedOther:
      return "a rename or removal took another repository than the one that has the name (I3)";
    case Model::kCameBack:
      return "what was removed has come back (I7)";
    default:
      return nullptr;
  }
}

const char* BrokenRepository(const State& s, int id) {
  const Model::Repository& repository = s.repository[id];
  if (!IsIn(repository)) {
    for (const auto& place : s.directory) {
      for (const Model::Directory& directory : place) {
        if (directory.maker == id + 1) return "a repository that is gone lies on a node (I7)";
      }
    }
  }
  for (int other = 0; other < id; ++other) {
    const bool both = IsIn(repository) && IsIn(s.repository[other]);
    if (both && repository.place < Model::kPaths && repository.place == s.repository[other].place) {
      return "two repositories have one replica path (I7)";
    }
  }
  if (!IsIn(repository) || repository.state != kLive) return nullptr;
  const auto& there = s.directory[Model::PlaceOf(s, id)];
  for (int n = 0; n < Model::kNodes; ++n) {
    if (repository.row[n].generation != 2) continue;
    if (there[n].maker != id + 1) return "a current replica is missing or another's (I3, I7)";
    if (repository.acknowledged & ~there[n].writes) {
      return "a current replica lacks an acknowledged write (I1)";
    }
  }
  const auto& at_name = s.directory[repository.name - 1];
  const bool unknown =
      at_name[0].maker == Model::kUnknownContent || at_name[1].maker == Model::kUnknownContent;
  if (!s.late && repository.place != repository.name - 1 && unknown) {
    return "unknown content has lost its name to another repository (I3)";
  }
  return nullptr;
}

const char* BrokenCache(const State& s, const NamesMistakes& mistakes) {
  const Model::CachedRoute& route = s.cache;
  if (!route.repository || (s.notifications && !mistakes.trusts_unproven_cache)) return nullptr;
  const int id = route.repository - 1;
  const Model::Repository& repository = s.repository[id];
  if (!IsIn(repository) || repository.state != kLive || repository.name != route.path + 1) {
    return "a proven cached route leads to a repository that has not the name (I3)";
  }
  const int secondary = repository.primary == 0 ? 1 : 0;
  const Model::Directory& directory = s.directory[Model::PlaceOf(s, id)][secondary];
  if (route.secondary && (repository.acknowledged & ~directory.writes)) {
    return "a read through a proven cached route misses an acknowledged write (I3)";
  }
  return nullptr;
}

// Writes count while they are acknowledged and do not lie on every replica.
void ForgetWrites(State& s, int id) {
  Model::Repository& repository = s.repository[id];
  auto& there = s.directory[Model::PlaceOf(s, id)];
  if (!IsIn(repository) || repository.state != kLive) repository.acknowledged = 0;
  if (there[0].maker == id + 1 && there[1].maker == id + 1) {
    repository.acknowledged &= ~(there[0].writes & there[1].writes);
  }
  for (Model::Directory& directory : there) {
    if (directory.maker == id + 1) directory.writes &= repository.acknowledged;
  }
}

bool IsPointedAt(const State& s, int id) {
  for (const Model::Operation& operation : s.operation) {
    const bool by_id = operation.call || operation.intent || operation.phase == Model::kRouted ||
                       operation.phase == Model::kUnproven ||
                       (operation.phase == Model::kAsked && operation.kind == Model::kRename);
    if (by_id && operation.repository == id) return true;
  }
  for (const auto& place : s.directory) {
    for (const Model::Directory& directory : place) {
      if (directory.maker == id + 1) return true;
    }
  }
  const bool read =
      s.read.active && (s.read.allowed >> (id + 1) & 1 || s.read.place == Model::kPaths + id);
  return read || s.cache.repository == id + 1 || s.query.repository == id + 1 ||
         (s.stray.kind && s.stray.repository == id);
}

void ForgetGone(State& s, int id, const NamesMistakes& mistakes) {
  Model::Repository& repository = s.repository[id];
  if (repository.existence != Model::kGone) return;
  const bool retired =
      repository.renamed && repository.place < Model::kPaths && !mistakes.reuses_renamed_places;
  Model::Repository kept{};
  if (retired || IsPointedAt(s, id)) {
    kept.existence = Model::kGone;
    kept.place = repository.place;
    kept.renamed = repository.renamed;
  }
  repository = kept;
}

uint8_t RenamedBits(uint8_t bits, const Renaming& renaming) {
  uint8_t renamed = 0;
  for (int id = 0; id < Model::kIds; ++id) renamed |= (bits >> id & 1) << renaming[id];
  return renamed;
}

State Renamed(const State& s, const Renaming& renaming) {
  State t = s;
  for (int id = 0; id < Model::kIds; ++id) {
    t.repository[renaming[id]] = s.repository[id];
    t.directory[Model::kPaths + renaming[id]] = s.directory[Model::kPaths + id];
  }
  for (auto& place : t.directory) {
    for (Model::Directory& directory : place) {
      const bool ours = directory.maker && directory.maker != Model::kUnknownContent;
      if (ours) directory.maker = renaming[directory.maker - 1] + 1;
    }
  }
  for (Model::Operation& operation : t.operation) {
    const bool by_id = operation.phase > Model::kAsked ||
                       (operation.phase == Model::kAsked && operation.kind == Model::kRename);
    if (by_id) operation.repository = renaming[operation.repository];
    if (operation.phase == Model::kDone && !operation.call) operation.repository = 0;
  }
  for (Model::CachedRoute* route : {&t.cache, &t.query}) {
    if (route->repository) route->repository = renaming[route->repository - 1] + 1;
  }
  if (t.stray.kind) t.stray.repository = renaming[t.stray.repository];
  t.notifications = RenamedBits(s.notifications, renaming);
  if (s.read.active) {
    t.read.allowed = (s.read.allowed & (1 << Model::kUnknownContent)) |
                     RenamedBits(s.read.allowed >> 1 & 7, renaming) << 1;
    if (s.read.place >= Model::kPaths) {
      t.read.place = Model::kPaths + renaming[s.read.place - Model::kPaths];
    }
  }
  return t;
}

}  // namespace

int NamesModel::Holder(const State& state, int path) {
  for (int id = 0; id < kIds; ++id) {
    if (IsIn(state.repository[id]) && state.repository[id].name == path + 1) return id;
  }
  return -1;
}

int NamesModel::PlaceOf(const State& state, int id) {
  return state.repository[id].place < kPaths ? state.repository[id].place : kPaths + id;
}

bool NamesModel::IsPlace(const State& state, int path, const NamesMistakes& mistakes) {
  return std::any_of(state.repository.begin(), state.repository.end(), [&](const Repository& each) {
    const bool retired = each.existence == kGone && each.renamed && !mistakes.reuses_renamed_places;
    return each.place == path && (IsIn(each) || retired);
  });
}

std::vector<State> NamesModel::Start() const {
  std::vector<State> states;
  for (int start = 0; start < 4; ++start) {
    if (limits_.start >= 0 && limits_.start != start) continue;
    State& s = states.emplace_back();
    s = {};
    s.joined = start != 3;
    s.late = start == 3;
    if (start > 0) s.directory[0][start == 1 ? 0 : 1].maker = kUnknownContent;
  }
  return states;
}

void NamesModel::Steps(const State& state, Emit<State> emit) const {
  NamesSteps(state, limits_, mistakes_, emit).All();
}

NamesModel::State NamesModel::Canonical(const State& state) const {
  State s = state;
  for (int id = 0; id < kIds; ++id) {  // a notification that drops nothing is as good as heard
    if (s.cache.repository != id + 1 && s.query.repository != id + 1) s.notifications &= ~(1 << id);
  }
  const int named = s.read.active ? Holder(s, s.read.path) : -1;
  if (named >= 0) s.read.allowed |= 1 << (named + 1);
  for (int id = 0; id < kIds; ++id) ForgetWrites(s, id);
  for (int id = 0; id < kIds; ++id) ForgetGone(s, id, mistakes_);
  std::array<uint8_t, kIds> by_key{0, 1, 2};
  std::stable_sort(by_key.begin(), by_key.end(), [&](int a, int b) {
    return std::memcmp(&s.repository[a], &s.repository[b], sizeof(Repository)) > 0;
  });
  Renaming renaming{};
  for (int i = 0; i < kIds; ++i) renaming[by_key[i]] = i;
  return Renamed(s, renaming);
}

const char* NamesModel::Broken(const State& s) const {
  if (const char* harm = WordsFor(s.harm)) return harm;
  for (int id = 0; id < kIds; ++id) {
    if (const char* broken = BrokenRepository(s, id)) return broken;
  }
  for (int path = 0; path < kPaths; ++path) {
    const bool place = IsPlace(s, path, mistakes_) && !mistakes_.reads_others_places;
    if (Holder(s, path) >= 0 || place) continue;
    for (const Directory& directory : s.directory[path]) {
      if (directory.maker && directory.maker != kUnknownContent) {
        return "a read of an unknown path reaches a removed or renamed repository (I3, I7)";
      }
    }
  }
  return BrokenCache(s, mistakes_);
}

const char* NamesModel::Unfinished(const State& s) const {
  for (const Operation& operation : s.operation) {
    if (operation.phase != kUnused && operation.phase != kDone)
      return "an operation never ends (I4)";
  }
  for (int id = 0; id < kIds; ++id) {
    const Repository& repository = s.repository[id];
    if (!IsIn(repository)) continue;
    if (repository.state != kLive) return "a row stays in creating or removing (I4)";
    const bool parked = s.late && s.directory[PlaceOf(s, id)][1].maker == kUnknownContent;
    const bool behind = repository.row[0].generation != 2 || repository.row[1].generation != 2;
    if (behind && s.joined && !parked) return "a live repository is behind (I4)";
  }
  return nullptr;
}

}  // namespace praefect::datastore
