#pragma once

// The store on a database that goes away: behind a relay that can be cut, with other ways in to
// look, to hold locks and to kill.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "database_fixture.h"
#include "datastore/changes.h"
#include "datastore/store.h"
#include "support/relay.h"

namespace praefect::datastore {

// One operation of the store on subject n: a live repository n.git with its primary on a, current
// on b and c; an instance n; and an intent n of both.
struct Operation {
  std::string name;
  std::function<std::optional<db::Error>(Store&, int64_t n)> run;
  const char* times_applied;  // SQL: how often it was applied to subject $1
  // Asked again after it may have been applied, it is not applied twice. (Where it may: a beat
  // counts once more, a second instance that nobody uses is buried.)
  bool once_for_all = true;
};
const std::vector<Operation>& Operations();

class FaultFixture : public db::DatabaseFixture {
 public:
  explicit FaultFixture(test::PostgresServer& server = db::SharedServer());

  // The database of `store` is opened anew.
  void Open(db::PostgresOptions options);
  // One connection, through the relay, to which everything passes.
  void OpenThroughRelay();
  void Heal();
  void MakeSubjects(int64_t count);
  int64_t NextSubject() { return next_subject_++; }

  std::optional<db::Error> Run(const Operation& operation, int64_t n) {
    return operation.run(*store, n);
  }
  // What it told against what is so, now and after it was asked again when that is not known.
  void CheckTold(const Operation& operation, int64_t n, const std::optional<db::Error>& told);

  // All operations, each waiting for a lock that somebody else holds; their ends after `fault`,
  // which also lets go of the lock.
  void InTheMiddleOfAll(const std::function<void()>& fault);
  void KillWhoWaits() { Kill("wait_event_type = 'Lock'"); }
  void KillHolder() { Kill("query LIKE '%pg_sleep(1000)%'"); }
  void KillAll() { Kill("true"); }

  std::unique_ptr<test::Relay> relay;
  std::unique_ptr<db::Database> direct;  // to look
  std::unique_ptr<Store> store;
  int unknown = 0;  // ends of which nobody could tell

 private:
  void Kill(const std::string& condition);
  std::string Look(const std::string& sql, std::vector<db::Parameter> parameters = {});

  test::PostgresServer& server_;
  int64_t next_subject_ = 1'000'000;
};

}  // namespace praefect::datastore
