// What Omnibus GitLab renders from the two documented set-ups, release by release:
// golden/FORM-RELEASE is the file of that release and those after it, up to the next file.

#include <algorithm>
#include <catch2/catch.hpp>

#include "config/load.h"

namespace praefect::config {
namespace {

LoadResult Golden(const std::string& name) {
  return Load(PRAEFECT_GOLDEN_CONFIG "/" + name + ".toml");
}

bool Warns(const LoadResult& result, const std::string& key, const std::string& part) {
  return std::any_of(result.warnings.begin(), result.warnings.end(), [&](const Problem& problem) {
    return problem.key == key && problem.message.find(part) != std::string::npos;
  });
}

Config FormA() {
  Config config;
  config.listen_addr = "localhost:2305";
  config.prometheus_listen_addr = "localhost:9652";
  config.auth.token = "super_secret_abc";
  config.logging.format = "json";
  config.virtual_storages = {
      {"praefect",
       0,
       {{"praefect-git-1", "tcp://praefect-git-1.internal:8075", "token1", true},
        {"praefect-git-2", "tcp://praefect-git-2.internal:8075", "token2", false},
        {"praefect-git-3", "tcp://praefect-git-3.internal:8075", "token3", false}}}};
  return config;
}

Config FormB() {
  const std::string address = "tcp://GITALY_URL_OR_IP:8075";
  const std::string token = "PRAEFECT_INTERNAL_TOKEN";
  Config config;
  config.listen_addr = "0.0.0.0:2305";
  config.prometheus_listen_addr = "localhost:9652";
  config.auth.token = "PRAEFECT_EXTERNAL_TOKEN";
  config.logging.format = "json";
  config.virtual_storages = {{"praefect",
                              0,
                              {{"gitaly-1", address, token, true},
                               {"gitaly-2", address, token, false},
                               {"gitaly-3", address, token, false}}}};
  config.database.pooled.host = "POSTGRESQL_SERVER_ADDRESS";
  config.database.pooled.port = 5432;
  config.database.pooled.user = "praefect";
  config.database.pooled.password = "PRAEFECT_SQL_PASSWORD";
  config.database.pooled.dbname = "praefect_production";
  config.database.session = config.database.pooled;
  return config;
}

// The same, apart from where it was read.
void CheckEqual(const LoadResult& result, Config expected) {
  INFO(result.headline);
  REQUIRE(result.config);
  expected.path = result.config->path;
  expected.embedded_store.path = result.config->embedded_store.path;
  CHECK(*result.config == expected);
}

}  // namespace

TEST_CASE("form A as 12.5 renders it serves") {
  const auto result = Golden("form-a-12.5");
  CheckEqual(result, FormA());
  CHECK(Warns(result, "node[0].address", "no port given, 8075 is assumed"));
  CHECK(Warns(result, "listen_addr", "reachable from this host only"));
}

TEST_CASE("form A as 12.4 renders it serves, without the metrics that fell into [auth]") {
  const auto result = Golden("form-a-12.4");
  Config expected = FormA();
  expected.prometheus_listen_addr = "";
  CheckEqual(result, expected);
  CHECK(Warns(result, "auth.prometheus_listen_addr", "is a key of the top level"));
}

TEST_CASE("form A as later releases render it is refused by the name of the removed setting") {
  const std::string release = GENERATE("12.6", "12.10");
  const auto result = Golden("form-a-" + release);
  CHECK_FALSE(result.config);
  CHECK(result.headline == "validating config: no virtual storages configured");
  REQUIRE(result.errors.size() == 1);
  CHECK(result.errors[0].suggestion.find(
            "praefect['virtual_storage_name'] and praefect['storage_nodes'] were removed and are "
            "replaced by praefect['virtual_storages']") != std::string::npos);
}

TEST_CASE("form B as 12.6 to 12.9 render it serves") {
  const auto result = Golden("form-b-12.6");
  CheckEqual(result, FormB());
  CHECK(Warns(result, "virtual_storage[0].node[1].address", "more than one backend node"));
  CHECK_FALSE(Warns(result, "", "have no effect yet"));
}

TEST_CASE("form B as 12.10 to 13.0 render it serves") {
  const auto result = Golden("form-b-12.10");
  Config expected = FormB();
  expected.election_strategy = "local";
  CheckEqual(result, expected);
  CHECK(
      Warns(result, "", "have no effect yet: failover.election_strategy, postgres_queue_enabled"));
}

TEST_CASE("form B as 13.1 renders it serves") {
  const auto result = Golden("form-b-13.1");
  Config expected = FormB();
  expected.election_strategy = "sql";
  CheckEqual(result, expected);
  CHECK(Warns(result, "", "failover.read_only_after_failover"));
}

}  // namespace praefect::config
