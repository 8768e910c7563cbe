// What libpq and servers say, by the words of PostgreSQL 15 and PgBouncer 1.18.

#include "db/connect_failure.h"

#include <catch2/catch.hpp>

#include "db/postgres_version.h"

namespace praefect::db {
namespace {

struct Said {
  Stage stage;
  std::string message;
  Layer layer;
  std::string key;
};

TEST_CASE("words are understood") {
  const auto said = GENERATE(
      Said{Stage::kConnecting,
           "connection to server at \"10.0.0.1\", port 5432 failed: Connection refused\n\tIs ...",
           Layer::kConnect, "host"},
      Said{Stage::kStartup,
           "FATAL:  28000: no pg_hba.conf entry for host \"10.0.0.2\", no encryption",
           Layer::kAuthenticate, "sslmode"},
      Said{Stage::kStartup,
           "FATAL:  28000: certificate authentication failed for user \"praefect\"",
           Layer::kAuthenticate, "sslcert"},
      Said{Stage::kStartup, "FATAL:  42501: permission denied for database \"x\"", Layer::kDatabase,
           "dbname"},
      Said{Stage::kStartup, "FATAL:  08P01: no such database: x", Layer::kDatabase, "dbname"},
      Said{Stage::kTls, "server does not support SSL, but SSL was required", Layer::kTls,
           "sslmode"},
      Said{Stage::kTls, "private key file \"/k\" has group or world access", Layer::kTls, "sslkey"},
      Said{Stage::kTls, "SSL error: certificate verify failed", Layer::kTls, "sslrootcert"});
  INFO(said.message);
  const ConnectFailure failure = Explain(said.stage, {"db", "10.0.0.1", 5432}, said.message);
  CHECK(failure.layer == said.layer);
  CHECK(failure.keys.front() == said.key);
}

TEST_CASE("a server that starts, stops or is crowded is worth another try; a wrong role is not") {
  const auto passing = [](const char* message) {
    return Explain(Stage::kStartup, {"db", "10.0.0.1", 5432}, message).passing;
  };
  CHECK(passing("FATAL:  57P03: the database system is starting up"));
  CHECK(passing("FATAL:  53300: sorry, too many clients already"));
  CHECK_FALSE(passing("FATAL:  28000: role \"x\" does not exist"));
}

TEST_CASE("of several failures, the one that got furthest is told") {
  const Place place{"db", "10.0.0.1", 5432};
  const Error error = ToError({Explain(Stage::kConnecting, place, "refused"),
                               Explain(Stage::kStartup, place, "FATAL:  3D000: no database")},
                              {}, "database.session_pooled");
  CHECK(error.layer == Layer::kDatabase);
  CHECK(error.settings == std::vector<std::string>{"database.session_pooled.dbname"});
}

TEST_CASE("servers older than 9.6 are refused in upstream's words, those before 11 warned of") {
  CHECK(RefuseVersion(90507) == "postgres server version too old: 90507");
  CHECK(RefuseVersion(90600) == "");
  CHECK(WarnOfVersion(90624) != "");
  CHECK(WarnOfVersion(100023) != "");
  CHECK(WarnOfVersion(110000) == "");
}

}  // namespace
}  // namespace praefect::db
