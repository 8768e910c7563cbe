#include "datastore/events.h"

#include <fmt/format.h>

#include <array>

#include "datastore/rules.h"

namespace praefect::datastore {
namespace {

constexpr std::array<std::string_view, 12> kNames = {
    "promoted",           "promoted_with_loss", "claim_withdrawn",   "replica_suspect",
    "replica_restored",   "replica_given_up",   "job_parked",        "repository_renamed",
    "repository_removed", "repository_adopted", "creation_given_up", "instance_buried"};

constexpr db::Sql kInsert(
    "INSERT INTO events (kind, repository_id, virtual_storage, path, storage, detail) "
    "VALUES ($1, $2, $3, $4, nullif($5, ''), $6)");
constexpr db::Sql kInsertBurial(
    "INSERT INTO events (kind, detail) SELECT $1, name || ' (id ' || id || ')' FROM instances "
    "WHERE id = $2");

class Comparison {
 public:
  Comparison(const Repository& before, const Repository& after)
      : before_(before), after_(after), was_(before.books), is_(after.books) {}

  std::vector<Event> Events() {
    if (is_.state == RepositoryState::kRemoving) {
      if (was_.state != RepositoryState::kRemoving) AddEnd();
    } else {
      if (was_.state == RepositoryState::kCreating && was_.primary == kNoStorage) AddAdoption();
      if (before_.name != after_.name) {
        Add(EventKind::kRepositoryRenamed, kNoStorage, "to " + after_.name.relative_path);
      }
      AddPromotion();
    }
    for (size_t i = 0; i < is_.replicas.size(); ++i) AddReplica(static_cast<int>(i));
    return std::move(events_);
  }

 private:
  void Add(EventKind kind, int position, std::string detail) {
    events_.push_back({kind, after_.Name(position), std::move(detail)});
  }

  void AddEnd() {
    const bool created = was_.state == RepositoryState::kLive;
    Add(created ? EventKind::kRepositoryRemoved : EventKind::kCreationGivenUp, kNoStorage,
        fmt::format("{} at {}", created ? "its replicas lie" : "it was to lie",
                    after_.replica_path));
  }

  void AddAdoption() {
    if (is_.state != RepositoryState::kLive) return;
    std::string holders;
    for (size_t i = 0; i < is_.replicas.size(); ++i) {
      if (is_.replicas[i].row) holders += " " + after_.storages[i];
    }
    Add(EventKind::kRepositoryAdopted, is_.primary, "held by" + holders);
  }

  void AddPromotion() {
    if (was_.state != RepositoryState::kLive || is_.primary == kNoStorage) return;
    if (before_.Name(was_.primary) == after_.Name(is_.primary)) return;
    const Replica was = Was(is_.primary);
    const std::string from = before_.Name(was_.primary);
    const std::string term =
        fmt::format("term {}, {}", is_.term, from.empty() ? "nobody was primary" : "after " + from);
    if (was.generation >= was_.acknowledged) {
      return Add(EventKind::kPromoted, is_.primary, term);
    }
    Add(EventKind::kPromotedWithLoss, is_.primary,
        fmt::format("{}; it held generation {} of {} acknowledged", term, was.generation,
                    was_.acknowledged));
  }

  void AddReplica(int position) {
    const Replica was = Was(position);
    const Replica& is = is_.replicas[position];
    if (is.job.state == JobState::kParked && was.job.state != JobState::kParked) {
      Add(EventKind::kJobParked, position, is.job.error);
    }
    if (!is.row) return;
    if (is.suspect && !was.suspect) {
      Add(EventKind::kReplicaSuspect, position,
          fmt::format("it claimed generation {} on filesystem {}", is.aside,
                      is.aside_filesystem_id));
    } else if (was.suspect && !is.suspect) {
      const bool restored = is.generation != kNoClaim;
      Add(restored ? EventKind::kReplicaRestored : EventKind::kReplicaGivenUp, position,
          fmt::format("it claims generation {}", is.generation));
    } else if (was.generation != kNoClaim && is.generation == kNoClaim) {
      Add(EventKind::kClaimWithdrawn, position,
          fmt::format("it claimed generation {} of {}", was.generation, was_.generation));
    }
  }

  Replica Was(int position) const {
    const int old = before_.Position(after_.storages[position]);
    return old == kNoStorage ? Replica() : was_.replicas[old];
  }

  const Repository& before_;
  const Repository& after_;
  const Books& was_;
  const Books& is_;
  std::vector<Event> events_;
};

}  // namespace

std::string_view EventKindName(EventKind kind) { return kNames[static_cast<size_t>(kind)]; }

std::vector<Event> EventsOf(const Repository& before, const Repository& after) {
  return Comparison(before, after).Events();
}

std::optional<db::Error> Record(db::OpenTransaction& open, const Repository& before,
                                const std::vector<Event>& events) {
  std::vector<db::Statement> statements;
  for (const Event& event : events) {
    const std::string& path =
        before.name.relative_path.empty() ? before.replica_path : before.name.relative_path;
    statements.push_back({kInsert,
                          {std::string(EventKindName(event.kind)), before.id,
                           before.name.virtual_storage, path, event.storage, event.detail}});
  }
  if (statements.empty()) return std::nullopt;
  return open.Execute(statements).error;
}

db::Statement BurialEvent(int64_t instance) {
  return {kInsertBurial, {std::string(EventKindName(EventKind::kInstanceBuried)), instance}};
}

}  // namespace praefect::datastore
