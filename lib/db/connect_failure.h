#pragma once

// Why a connection to PostgreSQL did not come about: from libpq's words to the layer and the
// settings to look at. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "db/error.h"

namespace praefect::db {

// How far an attempt got.
enum class Stage { kConnecting, kTls, kStartup };

// One place where the database may be.
struct Place {
  std::string host;     // as it is configured; may be a directory
  std::string address;  // numeric; empty for a unix socket
  int64_t port = 0;
};

struct ConnectFailure {
  Place place;
  Layer layer = Layer::kConnect;
  std::string sqlstate;
  std::string severity;           // "FATAL", when the server said so
  std::string cause;              // one line
  bool passing = false;           // the same attempt may succeed later
  std::vector<std::string> keys;  // of the endpoint: "host", "sslrootcert"
  std::string advice;             // what to do
};

// `message` is PQerrorMessage with verbosity PQERRORS_VERBOSE.
ConnectFailure Explain(Stage stage, const Place& place, std::string_view message);
ConnectFailure ExplainTimeout(Stage stage, const Place& place);
// What can be told without a server: files that are not there, an unknown sslmode.
std::vector<ConnectFailure> CheckEndpoint(const config::DatabaseEndpoint& endpoint);

// The one that got furthest, of at least one.
const ConnectFailure& Furthest(const std::vector<ConnectFailure>& failures);
// Tells of that one. `section` is "database" or "database.session_pooled".
Error ToError(const std::vector<ConnectFailure>& failures, const config::DatabaseEndpoint& endpoint,
              std::string_view section);

}  // namespace praefect::db
