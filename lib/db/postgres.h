#pragma once

// PostgreSQL 9.6 and newer, directly or through a PgBouncer that pools transactions: nothing is
// left in a session, statements have no names, one Sync at a time.

#include <chrono>
#include <memory>
#include <string>

#include "config/config.h"
#include "db/database.h"
#include "observe/log.h"

namespace praefect::db {

struct PostgresOptions {
  config::DatabaseEndpoint endpoint;
  std::string section = "database";            // its place in the configuration, for errors
  size_t max_connections = 8;                  // each with a thread of its own
  size_t max_waiting = 1'000;                  // transactions; more are refused (Layer::kPool)
  std::chrono::milliseconds max_idle{60'000};  // a connection unused for longer is closed
  std::chrono::milliseconds min_backoff{50};   // between attempts to connect; doubles, with jitter
  std::chrono::milliseconds max_backoff{2'000};
  uint64_t seed = 0;  // of the jitter; 0: from the operating system
};

// Connects when something is to be run, and again after a connection broke: `host` may name
// several, the first that takes writes is used. While nobody can be reached, transactions wait
// until their deadline; refusals that a retry does not change (role, password, TLS) are told at
// once. What was sent is never sent again. A server older than 9.6 is refused (Layer::kVersion),
// one that nobody maintains any more is warned of. `logger` must outlive the database.
std::unique_ptr<Database> OpenPostgres(PostgresOptions options, observe::Logger& logger);

}  // namespace praefect::db
