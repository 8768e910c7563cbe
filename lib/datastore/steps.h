#pragma once

// What operations that decide between their statements have in common. Internal to this module.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "datastore/names.h"
#include "datastore/store.h"

namespace praefect::datastore {

// The books say which paths of a virtual storage are taken, to all who create and rename at a time.
inline constexpr db::Sql kLockPathsOf("SELECT pg_advisory_xact_lock(1348563314, hashtext($1))",
                                      "SELECT 1");

// Why a name cannot be a key; nothing: it can.
inline std::optional<db::Error> CheckName(const RepositoryName& name) {
  for (const absl::Status& status :
       {CheckStorageName(name.virtual_storage), CheckPath(name.relative_path)}) {
    if (!status.ok()) return db::Error{db::Layer::kArgument, "", std::string(status.message())};
  }
  return std::nullopt;
}

// What `work` writes to its value is the result.
template <class T>
void RunSteps(db::Database& database, db::Deadline deadline, Callback<T> done,
              std::function<std::optional<db::Error>(db::OpenTransaction&, T&)> work) {
  auto value = std::make_shared<T>();
  database.RunSteps(
      [value, work = std::move(work)](db::OpenTransaction& open) { return work(open, *value); },
      deadline,
      [value, done = std::move(done)](db::Outcome outcome) {
        done({std::move(outcome.error), std::move(*value)});
      });
}

}  // namespace praefect::datastore
