#pragma once

// Whether PostgreSQL can be used as it is configured, layer by layer: what `sql-ping` tells.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "db/connect_failure.h"
#include "db/database.h"
#include "db/migrations.h"

namespace praefect::db {

struct PingReport {
  std::optional<Error> error;            // the first layer that is broken; nothing: all is well
  std::vector<ConnectFailure> failures;  // when it is the connection
  std::string advice;                    // what to do about it
  std::vector<std::string> warnings;

  // What was learned before.
  Place place;
  int version = 0;  // 150018
  std::string version_text;
  std::string tls;  // "TLSv1.3"; empty: none
  std::string user;
  std::string database;
  std::chrono::nanoseconds latency{};  // of one statement
  std::string schema_version;          // our newest migration; empty: none
  Understanding schema = Understanding::kCurrent;
  std::string schema_problem;  // why `serve` would refuse the schema; empty: it would not
};

// Blocking. `patient`: a database that cannot be reached is tried again until the deadline.
PingReport Ping(const config::Database& database, Deadline deadline, bool patient);
// As far as a connection that takes writes.
PingReport Reach(const config::Database& database, Deadline deadline, bool patient);

}  // namespace praefect::db
