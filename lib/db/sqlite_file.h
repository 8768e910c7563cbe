#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "observe/log.h"

namespace praefect::db {

// The file of an embedded store, locked against every other process (and every other object) for as
// long as this lives. SQLite's own locks are another kind and are not disturbed.
//
// It must outlive SQLite's connections to the file: closing any descriptor of it drops their locks.
class SqliteFile {
 public:
  // Makes the file when it is not there. A file, or a write-ahead log of it, that others than its
  // owner may use is made private, and that is logged.
  static absl::StatusOr<SqliteFile> Lock(const std::string& path, observe::Logger& logger);

  SqliteFile(SqliteFile&& other) noexcept;
  SqliteFile& operator=(SqliteFile&&) = delete;
  ~SqliteFile();

 private:
  explicit SqliteFile(int fd) : fd_(fd) {}

  int fd_;
};

// "process 123 (sqlite3)", or "another process" when that cannot be told.
std::string HolderOf(const std::string& path);

}  // namespace praefect::db
