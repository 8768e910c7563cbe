#pragma once

// A database of the Go Praefect 18.9, and verbs for taking it over and giving it back. Virtual
// storage "default" has the storages a, b and c; repositories are named by their state, which is
// their id modulo 12 (repositories_18_9.sql).

#include <memory>
#include <optional>
#include <string>

#include "database_fixture.h"
#include "datastore/changes.h"
#include "datastore/store.h"
#include "db/migrations.h"

namespace praefect::datastore {

class AdoptionFixture : public db::DatabaseFixture {
 public:
  explicit AdoptionFixture(int repositories = 24,
                           test::PostgresServer& server = db::SharedServer());

  std::string Psql(const std::string& sql) const;
  // A job that the Go Praefect had queued.
  void Queue(const std::string& state, const std::string& change, const std::string& target,
             int64_t id, const std::string& replica_path) const;

  std::optional<db::Error> Adopt();
  std::optional<db::Error> GiveBack();
  db::Understanding Judge();

  // What the books say of all live repositories in a state, each different line once:
  // "live a 5/5: a=5 b=3 copy ready 5 c=5" is primary, generation/acknowledged, and each
  // storage's generation and job.
  std::string Ours(int state) const {
    return OursWhere("state = 'live' AND repository_id % 12 = " + std::to_string(state));
  }
  // `prefix` is SQL for what each line begins with.
  std::string OursWhere(const std::string& condition, const std::string& prefix = "''") const;
  // The same of the Go Praefect's tables: "a 5: a=5 b=3 update ready c=5".
  std::string Theirs(int state) const {
    return TheirsWhere("repository_id % 12 = " + std::to_string(state));
  }
  std::string TheirsWhere(const std::string& condition, const std::string& prefix = "''") const;

  // Everything but what these tables hold: definitions of all that is in the database.
  std::string Definitions() const;
  // Of all rows of all tables.
  std::string Checksums() const;

  // A write that is settled, through the store; false: refused.
  bool Write(int64_t id);
  Changed Change(int64_t id, Rule rule);
  // A copy from the primary, a delete: from its start to its end.
  void Copy(int64_t id, const std::string& storage);
  void Delete(int64_t id, const std::string& storage);
  Changed Rename(const std::string& from, const std::string& to);
  int64_t Create(const std::string& path);
  // Our Praefect ended some time ago.
  void Stop() const;

 private:
  int64_t NextNumber() { return MakeId(instance_, ++number_); }
  Store& store();

  test::PostgresServer& server_;
  std::unique_ptr<Store> store_;
  int64_t instance_ = 0;
  int64_t number_ = 0;
};

}  // namespace praefect::datastore
