#include "measured_store.h"

#include <fmt/format.h>

#include <set>

#include "datastore/changes.h"
#include "db/migrations.h"
#include "db/sqlite.h"

namespace praefect::bench {

MeasuredStore::MeasuredStore(test::PostgresServer* server) {
  if (server != nullptr) {
    options.endpoint = server->Endpoint(server->CreateDatabase());
    options.max_connections = 8;
    database = db::OpenPostgres(options, log_);
  } else {
    database = *db::OpenSqlite({(directory_ / "praefect.db").string()}, log_);
  }
  if (auto error = db::Migrator(*database).UpAll(InMinutes(1))) {
    throw std::runtime_error(error->message);
  }
  store = std::make_unique<datastore::Store>(*database,
                                             datastore::Storages{{"default", {"a", "b", "c"}}});
}

std::string_view MeasuredStore::engine() const {
  return database->engine() == db::Engine::kPostgres ? "PostgreSQL" : "SQLite";
}

void MeasuredStore::Run(db::Sql sql, std::vector<db::Parameter> parameters) {
  const db::Outcome outcome = database->Wait({{{sql, std::move(parameters)}}, InMinutes(10)});
  if (!outcome.ok()) throw std::runtime_error(outcome.error->message);
}

void MeasuredStore::Fill(int64_t count) {
  repositories = count;
  Run({"INSERT INTO repositories (virtual_storage, relative_path, replica_path, \"primary\") "
       "SELECT 'default', i || '.git', i || '.git', 'a' FROM generate_series(0, $1 - 1) i",
       "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1) "
       "INSERT INTO repositories (virtual_storage, relative_path, replica_path, \"primary\") "
       "SELECT 'default', i || '.git', i || '.git', 'a' FROM n"},
      {count});
  for (const char* storage : {"a", "b", "c"}) {
    Run({"INSERT INTO storage_repositories (repository_id, storage, generation, verified_at) "
         "SELECT repository_id, $1, 0, now() FROM repositories",
         "INSERT INTO storage_repositories (repository_id, storage, generation, verified_at) "
         "SELECT repository_id, $1, 0, 'then' FROM repositories"},
        {std::string(storage)});
  }
  Run("ANALYZE");
}

void MeasuredStore::LetJobsBeReady() {
  Run("UPDATE storage_repositories SET generation = -1, verified_at = NULL WHERE storage = 'c'");
  Run("INSERT INTO replication_jobs (repository_id, storage, virtual_storage) "
      "SELECT repository_id, 'c', 'default' FROM repositories");
  Run("ANALYZE");
}

int64_t MeasuredStore::NewInstance() {
  return Get<int64_t>(
      [&](auto done) { store->Register("bench", "boot", 0, InMinutes(1), std::move(done)); });
}

void MeasuredStore::WriteBatch(int64_t instance, int64_t number, int batch, std::mt19937& random) {
  std::set<int64_t> ids;
  while (static_cast<int>(ids.size()) < batch) {
    ids.insert(1 + static_cast<int64_t>(random()) % repositories);
  }
  std::vector<datastore::OpenRequest> opens;
  std::vector<datastore::SettleRequest> settles;
  for (const int64_t id : ids) {
    const int64_t intent =
        datastore::MakeId(instance, number * batch + static_cast<int>(opens.size()));
    opens.push_back({.intent = intent,
                     .repository_id = id,
                     .name = {"default", fmt::format("{}.git", id - 1)},
                     .storage = "a",
                     .term = 1});
    settles.push_back(
        {.intent = intent, .repository_id = id, .storage = "a", .term = 1, .node_ok = true});
  }
  Get<std::vector<bool>>(
      [&](auto done) { store->Open(instance, std::move(opens), InMinutes(1), std::move(done)); });
  const auto settled = Get<std::vector<datastore::Settled>>([&](auto done) {
    store->Settle(instance, number, std::move(settles), InMinutes(1), std::move(done));
  });
  if (settled[0] != datastore::Settled::kAcknowledged) {
    throw std::runtime_error("a write was not acknowledged");
  }
}

void MeasuredStore::RunJob(int64_t instance, int64_t number) {
  const auto due = Get<std::vector<datastore::DueJob>>(
      [&](auto done) { store->DueJobs("default", "c", 1, InMinutes(1), std::move(done)); });
  const int64_t run = datastore::MakeId(instance, number);
  for (const auto& rule : {datastore::StartCopyOnto("c", {"a"}, false, run, instance),
                           datastore::CompleteRun("c", run, true)}) {
    const auto changed = Get<datastore::Changed>([&](auto done) {
      store->Change(due.at(0).repository_id, rule, InMinutes(1), std::move(done));
    });
    if (changed != datastore::Changed::kDone) throw std::runtime_error("a job was refused");
  }
}

}  // namespace praefect::bench
