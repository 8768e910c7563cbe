// Transactions on a real PostgreSQL.

#include "db/postgres.h"

#include <thread>

#include "database_fixture.h"

namespace praefect::db {
namespace {

using namespace std::chrono_literals;

TEST_CASE("values arrive as they were sent") {
  PostgresFixture fixture;
  const Outcome outcome =
      fixture.Run("SELECT $1, $2, $3, $4, $5::text",
                  {true, int64_t{-5'000'000'000}, 0.1, "it's \"\\ \xc3\xa4", Null()});
  REQUIRE(outcome.ok());
  const Rows& rows = outcome.results[0];
  CHECK(rows.Boolean(0, 0));
  CHECK(rows.Integer(0, 1) == -5'000'000'000);
  CHECK(rows.Text(0, 2) == "0.1");
  CHECK(rows.Text(0, 3) == "it's \"\\ \xc3\xa4");
  CHECK(rows.IsNull(0, 4));
}

TEST_CASE("a batch is one statement with an array for each column") {
  PostgresFixture fixture;
  const Outcome outcome = fixture.Run(
      "SELECT i, t, b FROM unnest($1, $2, $3) AS batch(i, t, b)",
      {Integers{1, std::nullopt}, Texts{"a,\"b\\{}", std::nullopt}, Booleans{true, std::nullopt}});
  REQUIRE(outcome.ok());
  const Rows& rows = outcome.results[0];
  REQUIRE(rows.size() == 2);
  CHECK(rows.Integer(0, 0) == 1);
  CHECK(rows.Text(0, 1) == "a,\"b\\{}");
  CHECK(rows.Boolean(0, 2));
  CHECK((rows.IsNull(1, 0) && rows.IsNull(1, 1) && rows.IsNull(1, 2)));
}

TEST_CASE("text that is no text is refused before it is sent") {
  PostgresFixture fixture;
  for (const std::string& text : {std::string("a\0b", 3), std::string("\xff")}) {
    CHECK(fixture.Run("SELECT $1", {text}).error->layer == Layer::kArgument);
    CHECK(fixture.Run("SELECT $1", {Texts{text}}).error->layer == Layer::kArgument);
  }
  CHECK(fixture.database->counters().connects == 0);
}

TEST_CASE("all statements of a transaction apply, or none") {
  PostgresFixture fixture;
  REQUIRE(fixture.Run("CREATE TABLE t (i bigint PRIMARY KEY)").ok());
  const Outcome refused = fixture.database->Wait(
      {{{"INSERT INTO t VALUES (1)"}, {"INSERT INTO t VALUES (1)"}}, fixture.Soon()});
  REQUIRE(refused.error);
  CHECK(refused.error->layer == Layer::kStatement);
  CHECK(refused.error->sqlstate == "23505");
  CHECK_FALSE(refused.error->may_be_applied);
  CHECK(fixture.Value("SELECT count(*) FROM t") == "0");
  CHECK(fixture.database
            ->Wait({{{"INSERT INTO t VALUES (1)"}, {"INSERT INTO t VALUES (2)"}}, fixture.Soon()})
            .results[1]
            .affected() == 1);
  CHECK(fixture.Value("SELECT count(*) FROM t") == "2");
}

TEST_CASE("statements are counted, and what goes around them is not") {
  PostgresFixture fixture;
  fixture.database->Wait({{{"SELECT 1"}, {"SELECT 2"}}, fixture.Soon()});
  fixture.Steps([](OpenTransaction& open) { return open.Execute({"SELECT 3"}).error; });
  CHECK(fixture.database->counters().statements == 3);
  CHECK(fixture.database->counters().committed == 2);
}

TEST_CASE("a transaction in steps decides between its statements") {
  PostgresFixture fixture;
  REQUIRE(fixture.Run("CREATE TABLE t (i bigint)").ok());
  const Outcome outcome = fixture.Steps([](OpenTransaction& open) -> std::optional<Error> {
    const Outcome three = open.Execute({"SELECT 3"});
    return open.Execute({"INSERT INTO t VALUES ($1)", {three.results[0].Integer(0, 0)}}).error;
  });
  CHECK(outcome.ok());
  CHECK(fixture.Value("SELECT i FROM t") == "3");
}

TEST_CASE("steps that fail or give up leave nothing behind") {
  PostgresFixture fixture;
  REQUIRE(fixture.Run("CREATE TABLE t (i bigint)").ok());
  const Outcome gave_up = fixture.Steps([](OpenTransaction& open) -> std::optional<Error> {
    open.Execute({"INSERT INTO t VALUES (1)"});
    return Error{Layer::kStatement, "", "changed my mind"};
  });
  CHECK(gave_up.error->message == "changed my mind");
  const Outcome failed = fixture.Steps([](OpenTransaction& open) -> std::optional<Error> {
    open.Execute({"INSERT INTO t VALUES (2)"});
    open.Execute({"SELECT nonsense"});
    return std::nullopt;  // an error that is overlooked is no success
  });
  CHECK(failed.error->sqlstate == "42703");
  CHECK(fixture.Value("SELECT count(*) FROM t") == "0");
}

TEST_CASE("a script has several statements") {
  PostgresFixture fixture;
  const auto run = [&](const char* script) {
    return fixture.Steps([&](OpenTransaction& open) { return open.RunScript(script); });
  };
  CHECK(run("CREATE TABLE t (i int); INSERT INTO t VALUES (1);").ok());
  CHECK(run("INSERT INTO t VALUES (2); SELECT nonsense;").error->sqlstate == "42703");
  CHECK(fixture.Value("SELECT count(*) FROM t") == "1");
}

TEST_CASE("a statement that takes too long is cancelled by the server") {
  PostgresFixture fixture;
  const Outcome outcome = fixture.database->Wait({{{"SELECT pg_sleep(60)"}}, After(300ms)});
  CHECK(outcome.error->layer == Layer::kTimeout);
  CHECK(outcome.error->sqlstate == "57014");
  CHECK_FALSE(outcome.error->may_be_applied);
  CHECK(fixture.database->counters().lost_connections == 0);
  CHECK(fixture.Value("SHOW statement_timeout") != "300ms");
}

TEST_CASE("nothing is left in a session") {
  PostgresFixture fixture;
  CHECK(fixture.Value("SELECT count(*) FROM pg_prepared_statements") == "0");
  CHECK(fixture.server.Psql("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'") ==
        "0\n");
}

TEST_CASE("a read-only transaction does not write") {
  PostgresFixture fixture;
  const Outcome outcome =
      fixture.database->Wait({{{"CREATE TABLE t (i int)"}}, fixture.Soon(), true});
  CHECK(outcome.error->layer == Layer::kReadOnly);
}

TEST_CASE("what waits is bounded in number and in time") {
  PostgresFixture fixture;
  PostgresOptions options = fixture.options;
  options.max_connections = 1;
  options.max_waiting = 1;
  fixture.Open(options);
  std::thread busy([&] { fixture.Run("SELECT pg_sleep(1)"); });
  REQUIRE(test::Eventually([&] { return fixture.database->counters().statements == 1; }));
  std::thread waiting([&] {
    const Outcome late = fixture.database->Wait({{{"SELECT 1"}}, After(200ms)});
    CHECK(late.error->layer == Layer::kPool);
  });
  REQUIRE(test::Eventually([&] { return fixture.database->counters().waiting == 1; }));
  CHECK(fixture.Run("SELECT 1").error->layer == Layer::kPool);
  waiting.join();
  busy.join();
  CHECK(fixture.database->counters().pool_full == 1);
  CHECK(fixture.database->counters().pool_expired == 1);
}

TEST_CASE("a database that goes refuses what waits and lets end what runs") {
  PostgresFixture fixture;
  std::atomic<int> answered{0};
  for (int i = 0; i < 20; ++i) {
    fixture.database->Run({{{"SELECT pg_sleep(0.1)"}}, fixture.Soon()},
                          [&](Outcome) { ++answered; });
  }
  fixture.database.reset();
  CHECK(answered == 20);
}

TEST_CASE("a commit that no standby confirmed may be applied, and is not reported as done") {
  test::PostgresServerOptions waiting;
  waiting.settings = {{"synchronous_standby_names", "nobody"}};
  test::PostgresServer server(waiting);
  LogOfTest log;
  PostgresOptions options{server.Endpoint()};
  const auto database = OpenPostgres(options, log);
  const Outcome outcome = database->Wait({{{"CREATE TABLE t (i int)"}}, After(500ms)});
  REQUIRE(outcome.error);
  CHECK(outcome.error->layer == Layer::kTimeout);
  CHECK(outcome.error->may_be_applied);
  CHECK(database->counters().unknown == 1);
}

}  // namespace
}  // namespace praefect::db
