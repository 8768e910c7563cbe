// What a key takes and what it refuses.

#include <catch2/catch.hpp>

#include "unit/config/loading.h"

namespace praefect::config {

TEST_CASE("a wrong type is refused in upstream's words") {
  const auto result = LoadFile("listen_addr = 5\n");
  CHECK(
      result.headline ==
      "error reading config file: toml: cannot decode TOML integer into field listen_addr of type "
      "string");
  CHECK(result.errors[0].line == 1);
  CHECK(result.errors[0].suggestion == "write it in quotes");
}

TEST_CASE("a rule is not reported on top of a wrong type") {
  const auto result = LoadFile("listen_addr = 5\nvirtual_storage = 'x'\n");
  CHECK(result.errors.size() == 2);
  CHECK(Mentions(ErrorAt(result, "virtual_storage"), "into field virtual_storage of type array"));
}

TEST_CASE("every kind of key refuses other kinds") {
  CHECK(Mentions(ErrorAt(LoadWithTables("[limits]\nmax_connections=1.5"), "limits.max_connections"),
                 "cannot decode TOML float into field limits.max_connections of type integer"));
  CHECK(Mentions(ErrorAt(LoadWithTables("[failover]\nenabled='true'"), "failover.enabled"),
                 "cannot decode TOML string into field failover.enabled of type bool"));
  CHECK(Mentions(ErrorAt(LoadWithTop("graceful_stop_timeout = 60"), "graceful_stop_timeout"),
                 "cannot decode TOML integer into field graceful_stop_timeout of type duration"));
  CHECK(Mentions(ErrorAt(LoadWithTables("[prometheus]\ngrpc_latency_buckets=[1, 'x']"),
                         "prometheus.grpc_latency_buckets[1]"),
                 "cannot decode TOML string"));
  CHECK(Mentions(ErrorAt(LoadWithTables("[prometheus]\ngrpc_latency_buckets='[1]'"),
                         "prometheus.grpc_latency_buckets"),
                 "of type array of numbers"));
}

TEST_CASE("tables and arrays of tables are told apart") {
  CHECK(Mentions(ErrorAt(LoadWithTop("logging = 'json'"), "logging"), "of type table"));
  const auto one = LoadStorages("[virtual_storage]\nname = 'v'\n");
  CHECK(one.errors[0].suggestion == "write [[virtual_storage]], with two brackets");
  const auto mixed = LoadStorages("virtual_storage = [5]\n");
  CHECK(Mentions(ErrorAt(mixed, "virtual_storage[0]"), "cannot decode TOML integer"));
}

TEST_CASE("an integer in quotes is taken with a warning") {
  const auto result = LoadWithTables("[database]\nport = '5432'\n");
  REQUIRE(result.config);
  CHECK(result.config->database.pooled.port == 5432);
  CHECK(WarningAt(result, "database.port") == "an integer is written as a string");
  CHECK_FALSE(LoadWithTables("[database]\nport = '54x32'\n").config);
}

TEST_CASE("durations are Go's strings, negative ones too") {
  CHECK(LoadWithTop("graceful_stop_timeout = '1m30s'").config->graceful_stop_timeout ==
        std::chrono::seconds(90));
  const auto negative = LoadWithTop("graceful_stop_timeout = '-5m'");
  REQUIRE(negative.config);
  CHECK(negative.config->graceful_stop_timeout == std::chrono::seconds(0));
  CHECK(WarningAt(negative, "graceful_stop_timeout") ==
        "not in range: -5m0s is not greater than or equal to 0s");
  CHECK(LoadWithTop("graceful_stop_timeout = '5'").headline ==
        "error reading config file: toml: time: missing unit in duration \"5\"");
}

TEST_CASE("a key without effect has a type all the same") {
  CHECK(ErrorAt(LoadWithTables("[replication]\nbatch_size = true\n"), "replication.batch_size") !=
        "");
  CHECK(ErrorAt(LoadWithTables("[reconciliation]\nscheduling_interval = 5\n"),
                "reconciliation.scheduling_interval") != "");
}

TEST_CASE("a syntax error comes alone, with its place") {
  const auto result = LoadFile("listen_addr = \n");
  REQUIRE(result.errors.size() == 1);
  CHECK(Mentions(result.headline, "error reading config file: toml: "));
  CHECK(result.errors[0].line == 1);
  CHECK(Mentions(result.errors[0].suggestion, "column "));
}

TEST_CASE("who only needs the database hears of nothing else") {
  const auto result = LoadText("listen_addr = 5\nbogus = 1\n[database]\nhost = 'h'\nhots = 'h'\n",
                               "t.toml", Scope::kDatabase);
  REQUIRE(result.config);
  CHECK(result.config->database.pooled.host == "h");
  CHECK(result.warnings.size() == 1);
  CHECK(WarningAt(result, "database.hots") != "");
  CHECK_FALSE(LoadText("[database]\nhost = 5\n", "t.toml", Scope::kDatabase).config);
  CHECK_FALSE(LoadText("database\n", "t.toml", Scope::kDatabase).config);
}

TEST_CASE("logging levels are those of logrus") {
  const auto level = [](const std::string& text) {
    return LoadWithTables("[logging]\nlevel = '" + text + "'\n");
  };
  CHECK(level("WARNING").config->logging.level == "warn");
  CHECK(level("trace").config->logging.level == "debug");
  CHECK(level("panic").config->logging.level == "fatal");
  CHECK(level("").config->logging.level == "info");
  CHECK(level("loud").config->logging.level == "info");
  CHECK(WarningAt(level("loud"), "logging.level") == "unknown level \"loud\", info is used");
}

}  // namespace praefect::config
