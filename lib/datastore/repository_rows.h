#pragma once

// Repositories as rows of a database. Whatever changes the books of a repository locks its row
// first, so that what was loaded under the lock is what is saved over.

#include <optional>
#include <string_view>

#include "datastore/repository.h"
#include "db/database.h"

namespace praefect::datastore {

enum class Lock { kNone, kForUpdate };

struct Found {
  std::optional<db::Error> error;
  std::optional<Repository> repository;  // none: there is no such row
};
// In one round trip.
Found Load(db::OpenTransaction& open, int64_t id, Lock lock);
Found Load(db::OpenTransaction& open, const RepositoryName& name, Lock lock);

// One statement, so one moment; and what it returned.
db::Statement LoadStatement(int64_t id);
db::Statement LoadStatement(const RepositoryName& name);
std::optional<Repository> ParseRepository(const db::Rows& rows);

// As a row has them.
JobKind ParseJobKind(std::string_view text);
JobState ParseJobState(std::string_view text);

// Writes what differs, touching no other rows. A repository that may be forgotten (MayForget) goes,
// and its replica path is retired when it was renamed. PostgreSQL is told to notify.
std::optional<db::Error> Save(db::OpenTransaction& open, const Repository& before,
                              const Repository& after);

}  // namespace praefect::datastore
