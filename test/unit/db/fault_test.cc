// Databases that go away: at any moment, for a while, for good.

#include <future>
#include <thread>

#include "database_fixture.h"
#include "support/free_port.h"
#include "support/relay.h"

namespace praefect::db {
namespace {

using namespace std::chrono_literals;

// One connection, so that the next transaction meets what became of the last one's; and another
// way to the same database, to look and to kill.
class FaultFixture : public DatabaseFixture {
 public:
  FaultFixture() {
    options.max_connections = 1;
    watcher_ = OpenPostgres(options, log);
    Reopen(options);
    REQUIRE(Run("CREATE TABLE t (i bigint PRIMARY KEY)").ok());
  }

  void GoThrough(const test::Relay& relay) {
    PostgresOptions through = options;
    through.endpoint.host = "127.0.0.1";
    through.endpoint.port = relay.port();
    through.endpoint.sslmode = "disable";
    Reopen(through);
  }
  Outcome Insert(int64_t i, std::chrono::milliseconds time = 20s) {
    return database->Wait({{{"INSERT INTO t VALUES ($1)", {i}}}, After(time)});
  }
  bool Has(int64_t i) { return Watch("SELECT count(*) FROM t WHERE i = $1", {i}) == "1"; }
  void KillConnection() {
    Watch(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  }
  std::string Watch(const char* sql, std::vector<Parameter> parameters = {}) {
    const Outcome outcome = watcher_->Wait({{{sql, std::move(parameters)}}, Soon()});
    return outcome.ok() ? outcome.results[0].Text(0, 0) : outcome.error->message;
  }
  // What an outcome says against what is so.
  void CheckTold(const Outcome& outcome, int64_t i) {
    INFO((outcome.error ? outcome.error->message : "ok"));
    if (outcome.ok()) CHECK(Has(i));
    if (!outcome.ok() && !outcome.error->may_be_applied) CHECK_FALSE(Has(i));
  }

 private:
  std::unique_ptr<Database> watcher_;
};

TEST_CASE("a connection that died while nobody used it costs nothing") {
  FaultFixture fixture;
  fixture.KillConnection();
  REQUIRE(test::Eventually([&] {
    return fixture.Watch(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == "1";
  }));
  CHECK(fixture.Insert(1).ok());
  CHECK(fixture.counters().lost_connections == 1);
  CHECK(fixture.counters().connects == 2);
}

TEST_CASE("a connection that dies under a transaction is told, and the next one works") {
  FaultFixture fixture;
  const auto killed = std::make_shared<std::promise<Outcome>>();
  fixture.database->Run({{{"INSERT INTO t VALUES (1)"}, {"SELECT pg_sleep(60)"}}, Soon()},
                        [killed](Outcome outcome) { killed->set_value(std::move(outcome)); });
  REQUIRE(test::Eventually([&] {
    return SharedServer().Psql(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
               "'SELECT pg_sleep(60)'") == "1\n";
  }));
  fixture.KillConnection();
  const Outcome outcome = killed->get_future().get();
  CHECK(outcome.error->layer == Layer::kLost);
  CHECK_FALSE(fixture.Has(1));
  CHECK(fixture.Insert(2).ok());
}

TEST_CASE("a connection that dies between steps leaves nothing, for certain") {
  FaultFixture fixture;
  const Outcome outcome = fixture.RunSteps([&](OpenTransaction& open) -> std::optional<Error> {
    open.Execute({"INSERT INTO t VALUES (1)"});
    fixture.KillConnection();
    return open.Execute({"INSERT INTO t VALUES (2)"}).error;
  });
  CHECK(outcome.error->layer == Layer::kLost);
  CHECK_FALSE(outcome.error->may_be_applied);
  CHECK_FALSE(fixture.Has(1));
  CHECK(fixture.Insert(3).ok());
}

TEST_CASE("wherever the network is cut, an outcome tells the truth") {
  FaultFixture fixture;
  test::Relay relay(SharedServer().port());
  fixture.GoThrough(relay);
  int64_t i = 0;
  int unknown = 0;
  for (const bool towards_server : {true, false}) {
    for (size_t bytes = 1;; bytes += 3) {
      relay.CutAfter(relay.kNever, relay.kNever);
      REQUIRE(fixture.Value("SELECT 1") == "1");
      relay.CutAfter(towards_server ? bytes : relay.kNever, towards_server ? relay.kNever : bytes);
      const Outcome outcome = fixture.Insert(++i);
      fixture.CheckTold(outcome, i);
      if (outcome.ok()) break;  // the cut comes after its last byte
      if (outcome.error->may_be_applied) ++unknown;
    }
  }
  CHECK(unknown > 10);
  CHECK(fixture.counters().unknown == static_cast<uint64_t>(unknown));
}

TEST_CASE("a network that swallows the answer to COMMIT is told as unknown, in time") {
  FaultFixture fixture;
  test::Relay relay(SharedServer().port());
  fixture.GoThrough(relay);
  REQUIRE(fixture.Value("SELECT 1") == "1");
  relay.CutAfter(relay.kNever, 5, true);
  const Outcome outcome = fixture.Insert(1, 300ms);
  CHECK(outcome.error->layer == Layer::kTimeout);
  CHECK(outcome.error->may_be_applied);
  CHECK(fixture.Has(1));
  CHECK(fixture.Insert(2).ok());
}

TEST_CASE("connections that are cut again and again lose and repeat nothing unnoticed") {
  FaultFixture fixture;
  std::atomic<int> kills{0};
  std::thread killer([&] {
    while (kills < 30) fixture.KillConnection(), ++kills;
  });
  std::vector<Outcome> outcomes;
  while (kills < 30) outcomes.push_back(fixture.Insert(static_cast<int64_t>(outcomes.size())));
  killer.join();
  for (size_t i = 0; i < outcomes.size(); ++i)
    fixture.CheckTold(outcomes[i], static_cast<int64_t>(i));
  CHECK(fixture.counters().lost_connections > 0);
}

TEST_CASE("a restart of the database costs time, not a transaction") {
  test::PostgresServer server;
  DatabaseFixture fixture(server);
  REQUIRE(fixture.Value("SELECT 1") == "1");
  server.Stop();
  const auto late = std::make_shared<std::promise<Outcome>>();
  fixture.database->Run({{{"SELECT 1"}}, Soon()},
                        [late](Outcome outcome) { late->set_value(std::move(outcome)); });
  REQUIRE(test::Eventually([&] { return fixture.counters().failed_connects > 1; }));
  server.Start();
  CHECK(late->get_future().get().ok());
  CHECK(fixture.log.Has("not reachable"));
  CHECK(fixture.log.Has("reachable again"));
}

TEST_CASE("a database that stays away is told with its layer, at the deadline") {
  DatabaseFixture fixture;
  PostgresOptions away = fixture.options;
  away.endpoint.host = "127.0.0.1";
  away.endpoint.port = test::FreePort();
  fixture.Reopen(away);
  const Outcome outcome = fixture.database->Wait({{{"SELECT 1"}}, After(300ms)});
  CHECK(outcome.error->layer == Layer::kConnect);
  CHECK(outcome.error->settings == std::vector<std::string>{"database.host", "database.port"});
  CHECK_FALSE(outcome.error->may_be_applied);
}

TEST_CASE("a role that is refused is told at once") {
  DatabaseFixture fixture;
  PostgresOptions wrong = fixture.options;
  wrong.endpoint.user = "nobody";
  fixture.Reopen(wrong);
  CHECK(fixture.Run("SELECT 1").error->layer == Layer::kAuthenticate);
  CHECK(fixture.counters().failed_connects == 1);
}

TEST_CASE("a standby that is promoted takes over without a restart") {
  test::PostgresServer primary;
  DatabaseFixture fixture(primary);
  REQUIRE(fixture.Run("CREATE TABLE t (i int)").ok());
  const auto standby = test::PostgresServer::StandbyOf(primary);
  PostgresOptions both = fixture.options;
  both.endpoint.host = "127.0.0.1, 127.0.0.2";
  both.endpoint.sslmode = "disable";
  fixture.Reopen(both);
  REQUIRE(fixture.Run("INSERT INTO t VALUES (1)").ok());
  primary.Stop();
  standby->Promote();
  CHECK(fixture.Run("INSERT INTO t VALUES (2)").ok());
  CHECK(standby->Psql("SELECT max(i) FROM t", both.endpoint.dbname) == "2\n");
}

TEST_CASE("a database that takes no writes any more is left for another") {
  test::PostgresServer server;
  DatabaseFixture fixture(server);
  PostgresOptions one = fixture.options;
  one.max_connections = 1;
  fixture.Reopen(one);
  REQUIRE(fixture.Run("CREATE TABLE t (i int)").ok());
  server.Psql("ALTER DATABASE test_1 SET default_transaction_read_only = on");
  const auto told = fixture.database->Wait(
      {{{"SET TRANSACTION READ ONLY"}, {"INSERT INTO t VALUES (1)"}}, Soon()});
  CHECK(told.error->layer == Layer::kReadOnly);
  CHECK_FALSE(told.error->may_be_applied);
  const auto refused = fixture.database->Wait({{{"INSERT INTO t VALUES (1)"}}, After(2s)});
  CHECK(refused.error->layer == Layer::kReadOnly);
  server.Psql(
      "BEGIN READ WRITE; ALTER DATABASE test_1 RESET default_transaction_read_only; COMMIT");
  CHECK(fixture.Run("INSERT INTO t VALUES (1)").ok());
}

}  // namespace
}  // namespace praefect::db
