#include "config/reload_plan.h"

#include <catch2/catch.hpp>

namespace praefect::config {
namespace {

using Keys = std::vector<std::string>;

Config Running() {
  Config config;
  config.listen_addr = "127.0.0.1:2305";
  config.auth.token = "old";
  config.virtual_storages = {{"default", 0, {{"gitaly-1", "tcp://127.0.0.1:1", "", true}}}};
  return config;
}

TEST_CASE("an unchanged file changes nothing") {
  const ReloadPlan plan = PlanReload(Running(), Running());
  CHECK(plan.config == Running());
  CHECK(plan.applied.empty());
  CHECK(plan.need_restart.empty());
}

TEST_CASE("tokens, nodes, limits and the log level are applied") {
  Config wanted = Running();
  wanted.auth.token = "new";
  wanted.virtual_storages[0].nodes[0].token = "new";
  wanted.limits.max_connections = 7;
  wanted.logging.level = "debug";
  const ReloadPlan plan = PlanReload(Running(), wanted);
  CHECK(plan.config == wanted);
  CHECK(plan.applied == Keys{"virtual_storage", "auth", "logging.level", "limits"});
  CHECK(plan.need_restart.empty());
}

TEST_CASE("a listener keeps its address, is named, and the rest is applied") {
  Config wanted = Running();
  wanted.listen_addr = "127.0.0.1:2306";
  wanted.auth.token = "new";
  const ReloadPlan plan = PlanReload(Running(), wanted);
  CHECK(plan.need_restart == Keys{"listen_addr"});
  CHECK(plan.applied == Keys{"auth"});
  CHECK(plan.config.listen_addr == Running().listen_addr);
  CHECK(plan.config.auth.token == "new");
}

TEST_CASE("what needs a restart is named at every reload until there was one") {
  Config wanted = Running();
  wanted.workers = 3;
  const Config kept = PlanReload(Running(), wanted).config;
  CHECK(PlanReload(kept, wanted).need_restart == Keys{"workers"});
}

TEST_CASE("no key shows a value") {
  Config wanted = Running();
  wanted.auth.token = "hunter2";
  wanted.database.pooled.password = "hunter2";
  const ReloadPlan plan = PlanReload(Running(), wanted);
  CHECK(plan.applied == Keys{"auth"});
  CHECK(plan.need_restart == Keys{"database"});
}

// A field that PlanReload does not know would be taken over without a word.
TEST_CASE("every field of a configuration is named when it changes") {
  Config all;
  all.listen_addr = all.socket_path = all.tls_listen_addr = all.prometheus_listen_addr = "x";
  all.graceful_stop_delay = all.graceful_stop_timeout = all.keepalive_timeout =
      std::chrono::milliseconds(1);
  all.workers = 9;
  all.failover_enabled = !all.failover_enabled;
  all.election_strategy = "x";
  all.error_thresholds = {std::chrono::milliseconds(1), 1, 1};
  all.virtual_storages = Running().virtual_storages;
  all.auth = {"x", true};
  all.tls = {"x", "x", "x", "x"};
  all.logging = {"x", "x", "x", "x"};
  all.prometheus.grpc_latency_buckets = {1};
  all.limits.max_connections = 1;
  all.database.pooled.host = "x";
  all.embedded_store.path = "x";
  all.replication.batch_size = 1;
  all.reconciliation.histogram_buckets = {1};
  all.background_verification.delete_invalid_records = false;
  all.repositories_cleanup.repositories_in_batch = 1;
  all.yamux.accept_backlog = 1;
  // A new field does not compile here: it belongs into reload_plan.cc, and above.
  const auto& [path, listen, socket, tls_listen, prometheus_listen, delay, timeout, keepalive,
               workers, failover, strategy, thresholds, storages, auth, tls, logging, prometheus,
               limits, database, store, replication, reconciliation, verification, cleanup, yamux] =
      all;
  (void)path;
  const ReloadPlan plan = PlanReload(Config{}, all);
  CHECK(plan.applied.size() + plan.need_restart.size() == 29);
}

}  // namespace
}  // namespace praefect::config
