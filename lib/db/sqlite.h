#pragma once

// The embedded store: one SQLite file, used by one process at a time. WAL with synchronous=FULL:
// what was answered as committed survives a power cut. One thread writes (BEGIN IMMEDIATE), others
// read.

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>

#include "db/database.h"
#include "observe/log.h"

namespace praefect::db {

struct SqliteOptions {
  std::string path;            // made with mode 0600 when it is not there
  size_t readers = 2;          // threads, each with a connection
  size_t max_waiting = 1'000;  // transactions, of readers and writer each
  // For checking the file: a large one is read once from end to end.
  std::chrono::milliseconds open_timeout{60'000};
};

// Locks and checks the file. FAILED_PRECONDITION names the process that has it, DATA_LOSS a corrupt
// file or one that is not ours, both untouched; PERMISSION_DENIED, UNAVAILABLE the rest. Does not
// migrate: migrations.h. Blocks on the file system. `logger` must outlive the database.
absl::StatusOr<std::unique_ptr<Database>> OpenSqlite(SqliteOptions options,
                                                     observe::Logger& logger);

}  // namespace praefect::db
