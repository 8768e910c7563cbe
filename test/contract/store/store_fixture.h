#pragma once

// The books in a database of each kind, with the verbs of what a Praefect does to them. Virtual
// storage "default" has the storages a, b and c.

#include <functional>
#include <future>
#include <string>
#include <vector>

#include "database_fixture.h"
#include "datastore/changes.h"
#include "datastore/store.h"

namespace praefect::datastore {

// A call that was opened.
struct Call {
  int64_t intent = 0;
  int64_t id = 0;
  std::string storage;
  int64_t term = 0;
};

class StoreFixture : public db::DatabaseFixture {
 public:
  explicit StoreFixture(db::Kind kind);

  int64_t NewInstance();
  int64_t NextNumber() { return MakeId(instance, ++number_); }

  // A live repository with its primary on a; current on all three, or
  // on those that it is assigned to.
  int64_t Make(const std::string& path, std::vector<std::string> assignments = {});
  // Recorded, and its call not ended.
  Created Record(const std::string& path, const std::string& primary, int64_t intent,
                 std::vector<std::string> assignments = {});
  static const Storages& storages();
  std::optional<Repository> FindName(const std::string& path);
  Repository Get(int64_t id);
  bool Exists(int64_t id);

  // As routed by what the books say now.
  Call Route(int64_t id);
  bool Open(const Call& call, std::optional<int64_t> additional = {});
  // Opens with the primary and term of now; fails the test when it is refused.
  Call OpenNow(int64_t id);
  Settled Settle(const Call& call, bool node_ok = true, bool told_otherwise = false);
  Settled SettleAs(int64_t batch, const Call& call, bool node_ok = true);
  Settled Write(int64_t id, bool node_ok = true) { return Settle(OpenNow(id), node_ok); }

  // As an adopted database has them.
  void Assign(int64_t id, const std::vector<std::string>& storages);
  void QueueDelete(int64_t id, const std::string& storage);

  Changed Change(int64_t id, Rule rule);
  Changed Change(const std::string& path, Rule rule);
  // A copy from the primary, from its start to its proof.
  void Copy(int64_t id, const std::string& storage);
  // Its first half; the run.
  int64_t Start(int64_t id, const std::string& storage);
  Job JobOn(int64_t id, const std::string& storage);
  // Every delete that is due, until the repository's row is gone.
  void DeleteEverywhere(int64_t id);
  Changed Rename(const std::string& from, const std::string& to);
  bool Overlaps(const std::string& path);
  std::vector<int64_t> DueOn(const std::string& storage);
  std::vector<DueJob> DueJobsOn(const std::string& storage);
  int64_t RetryParkedOn(const std::string& storage, std::chrono::milliseconds age,
                        int least_attempts = 0);
  int64_t HastenOn(const std::string& storage);
  MissingJobs FindMissingJobs(int64_t after = 0, int limit = 100);

  // "KIND STORAGE", the newest first; of one repository, or of all.
  std::vector<std::string> EventsOf(std::optional<int64_t> id = {});

  // By anybody, so that another one could not change it now.
  bool IsLocked(int64_t id);

  bool Bury(Beat seen);
  std::vector<Beat> RaiseBeat(int64_t of);
  Beat BeatOf(int64_t of);

  std::unique_ptr<Store> store;
  int64_t instance = 0;

 private:
  int64_t number_ = 0;
  int64_t batch_ = 0;
};

// What an operation reports; fails the test for an error.
template <class T>
T Await(const std::function<void(Callback<T>)>& start) {
  std::promise<Result<T>> promise;
  start([&](Result<T> result) { promise.set_value(std::move(result)); });
  Result<T> result = promise.get_future().get();
  INFO((result.error ? result.error->message : ""));
  REQUIRE(result.ok());
  return std::move(result.value);
}

// All of it in one text, whatever the order of rows.
std::string Dump(const Repository& repository);

inline db::Kind EachKind() {
  return GENERATE(db::Kind::kPostgres, db::Kind::kPgBouncer, db::Kind::kSqlite);
}

}  // namespace praefect::datastore
