#pragma once

// What went wrong between us and a database, told apart by the layer that failed.

#include <absl/status/status.h>

#include <string>
#include <string_view>
#include <vector>

namespace praefect::db {

// Those of connecting in the order in which they are reached.
enum class Layer {
  kArgument,      // a text that is no text: refused before anything was sent
  kPool,          // no connection became free in time, or too many wait, or we are stopping
  kResolve,       // the host's name
  kConnect,       // nobody answers there, or somebody who does not speak PostgreSQL
  kTls,           // none spoken, a chain, a name, a client certificate
  kAuthenticate,  // role, password, pg_hba.conf
  kDatabase,      // it does not exist, or the role may not use it
  kReadOnly,      // a standby, or a database that takes no writes
  kStatement,     // the database refused a statement; the transaction left nothing behind
  kTimeout,       // the deadline passed while it worked
  kLost,          // the connection broke
  kFile,          // the embedded store: locked, corrupt, full, not writable
  kVersion,       // a server that is too old
  kListen,        // notifications do not arrive
};

std::string_view LayerName(Layer layer);  // "resolve"

struct Error {
  Layer layer = Layer::kStatement;
  // Five characters as the database gave them; empty when it never answered. SQLite's own codes are
  // told as PostgreSQL's where there is one: 23505 unique, 23503 foreign key, 23502 not null, 23514
  // check, 55P03 locked, 53100 disk full, 25006 read-only, XX001 corrupt, 58030 I/O, 57014 timeout.
  std::string sqlstate;
  // What was attempted, what failed, what to do next. Never a password or a parameter.
  std::string message;
  // The transaction may have been committed, or may yet be: the answer to its COMMIT is missing.
  bool may_be_applied = false;
  // The keys of the configuration to look at, the likeliest first, as in config.toml:
  // "database.host", "database.session_pooled.port".
  std::vector<std::string> settings;

  // UNAVAILABLE for what passes or is repaired outside (pool, connection, read-only, file),
  // INVALID_ARGUMENT, DEADLINE_EXCEEDED, ABORTED for SQLSTATE class 40, INTERNAL for statements.
  absl::Status ToStatus() const;
};

}  // namespace praefect::db
