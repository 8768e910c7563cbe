#pragma once

// A store that is filled with repositories and asked one thing after the other, for measuring.

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "datastore/store.h"
#include "db/postgres.h"
#include "observe/log.h"
#include "support/postgres_server.h"
#include "support/process.h"

namespace praefect::bench {

class Silence final : public observe::Logger {
 public:
  bool Enabled(observe::Level) const override { return false; }
  void Write(observe::Level, std::string_view, std::span<const observe::Field>) override {}
};

inline db::Deadline InMinutes(int minutes) { return db::After(std::chrono::minutes(minutes)); }

// Throws for an error: figures of what failed say nothing.
template <class T>
T Get(const std::function<void(datastore::Callback<T>)>& start) {
  std::promise<datastore::Result<T>> promise;
  start([&](datastore::Result<T> result) { promise.set_value(std::move(result)); });
  datastore::Result<T> result = promise.get_future().get();
  if (!result.ok()) throw std::runtime_error(result.error->message);
  return std::move(result.value);
}

class MeasuredStore {
 public:
  // With PostgreSQL in a new database of `server`, else with SQLite.
  explicit MeasuredStore(test::PostgresServer* server);

  // Live repositories "0.git", "1.git", ... with their primary on a, current on b and c; ids count
  // from 1.
  void Fill(int64_t repositories);
  // All of them are behind on c.
  void LetJobsBeReady();

  std::string_view engine() const;
  int64_t NewInstance();
  // Opens and settles `batch` writes of different repositories in one statement each.
  void WriteBatch(int64_t instance, int64_t number, int batch, std::mt19937& random);
  // Takes the job that is longest due on c, and completes it.
  void RunJob(int64_t instance, int64_t number);

  std::unique_ptr<db::Database> database;
  std::unique_ptr<datastore::Store> store;
  db::PostgresOptions options;
  int64_t repositories = 0;

 private:
  void Run(db::Sql sql, std::vector<db::Parameter> parameters = {});

  test::TemporaryDirectory directory_;
  Silence log_;
};

}  // namespace praefect::bench
