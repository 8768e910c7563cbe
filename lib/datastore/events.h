#pragma once

// What an operator may want to know later: rows of `events`, written in the transaction that
// changed the books. Bounded: the bookkeeper keeps the newest kMaxEvents, and what a minute brings.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datastore/repository.h"
#include "db/database.h"

namespace praefect::datastore {

// All there are; a migration writes `database_adopted` and `delete_dropped` besides (sql/adoption).
enum class EventKind {
  kPromoted,
  kPromotedWithLoss,  // acknowledged writes are lost
  kClaimWithdrawn,
  kReplicaSuspect,
  kReplicaRestored,
  kReplicaGivenUp,
  kJobParked,
  kRepositoryRenamed,
  kRepositoryRemoved,
  kRepositoryAdopted,
  kCreationGivenUp,
  kInstanceBuried,
};

std::string_view EventKindName(EventKind kind);  // "promoted": as in the rows

struct Event {
  EventKind kind = EventKind::kPromoted;
  std::string storage;  // empty: of none
  std::string detail;   // for people

  friend bool operator==(const Event&, const Event&) = default;
};

// What the change from one value to the other means to an operator. Pure.
std::vector<Event> EventsOf(const Repository& before, const Repository& after);

// Writes them, under the name that the repository had before.
std::optional<db::Error> Record(db::OpenTransaction& open, const Repository& before,
                                const std::vector<Event>& events);
db::Statement BurialEvent(int64_t instance);

inline constexpr int64_t kMaxEvents = 100'000;
inline constexpr int64_t kEventsPerSweep = 10'000;

struct RecordedEvent {
  int64_t id = 0;
  std::string at;  // as the database writes it, UTC
  std::string kind;
  int64_t repository_id = 0;  // 0: of none
  std::string virtual_storage, path, storage, detail;
};

}  // namespace praefect::datastore
