// What every kind of database promises.

#include "db/database.h"

#include "database_fixture.h"

namespace praefect::db {
namespace {

using namespace std::chrono_literals;

Kind EachKind() { return GENERATE(Kind::kPostgres, Kind::kPgBouncer, Kind::kSqlite); }

// Takes longer than anybody waits.
constexpr Sql kForever(
    "SELECT pg_sleep(60)",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");

TEST_CASE("values arrive as they were sent") {
  DatabaseFixture fixture(EachKind());
  const Outcome outcome =
      fixture.Run({"SELECT $1, $2, $3, $4, $5::text", "SELECT $1, $2, $3, $4, $5"},
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
  DatabaseFixture fixture(EachKind());
  const Outcome outcome =
      fixture.Run({"SELECT i, t, b FROM unnest($1, $2, $3) AS batch(i, t, b)",
                   "SELECT i.value, t.value, b.value FROM json_each($1) AS i JOIN json_each($2) AS "
                   "t USING (key) "
                   "JOIN json_each($3) AS b USING (key) ORDER BY key"},
                  {Integers{INT64_MAX, std::nullopt}, Texts{"a,\"b\\{}\n", std::nullopt},
                   Booleans{true, std::nullopt}});
  REQUIRE(outcome.ok());
  const Rows& rows = outcome.results[0];
  REQUIRE(rows.size() == 2);
  CHECK(rows.Integer(0, 0) == INT64_MAX);
  CHECK(rows.Text(0, 1) == "a,\"b\\{}\n");
  CHECK(rows.Boolean(0, 2));
  CHECK((rows.IsNull(1, 0) && rows.IsNull(1, 1) && rows.IsNull(1, 2)));
}

TEST_CASE("text that is no text is refused before it is sent") {
  DatabaseFixture fixture(EachKind());
  for (const std::string& text : {std::string("a\0b", 3), std::string("\xff")}) {
    CHECK(fixture.Run("SELECT $1", {text}).error->layer == Layer::kArgument);
    CHECK(fixture.Run("SELECT $1", {Texts{text}}).error->layer == Layer::kArgument);
  }
  CHECK(fixture.counters().statements == 0);
}

TEST_CASE("all statements of a transaction apply, or none") {
  DatabaseFixture fixture(EachKind());
  REQUIRE(fixture.Run("CREATE TABLE t (i bigint PRIMARY KEY)").ok());
  const Outcome refused = fixture.database->Wait(
      {{{"INSERT INTO t VALUES (1)"}, {"INSERT INTO t VALUES (1)"}}, Soon()});
  REQUIRE(refused.error);
  CHECK(refused.error->layer == Layer::kStatement);
  CHECK(refused.error->sqlstate == "23505");
  CHECK_FALSE(refused.error->may_be_applied);
  CHECK(fixture.Value("SELECT count(*) FROM t") == "0");
}

TEST_CASE("a statement tells how many rows it changed") {
  DatabaseFixture fixture(EachKind());
  REQUIRE(fixture.Run("CREATE TABLE t (i bigint)").ok());
  CHECK(fixture.Run("INSERT INTO t VALUES (1), (2)").results[0].affected() == 2);
  CHECK(fixture.Run("UPDATE t SET i = 3 WHERE i > 5").results[0].affected() == 0);
  CHECK(fixture.Run("DELETE FROM t RETURNING i").results[0].size() == 2);
}

TEST_CASE("statements are counted, and what goes around them is not") {
  DatabaseFixture fixture(EachKind());
  fixture.database->Wait({{{"SELECT 1"}, {"SELECT 2"}}, Soon()});
  fixture.RunSteps([](OpenTransaction& open) { return open.Execute({"SELECT 3"}).error; });
  CHECK(fixture.counters().statements == 3);
  CHECK(fixture.counters().committed == 2);
}

TEST_CASE("a transaction in steps decides between its statements") {
  DatabaseFixture fixture(EachKind());
  REQUIRE(fixture.Run("CREATE TABLE t (i bigint)").ok());
  const Outcome outcome = fixture.RunSteps([](OpenTransaction& open) -> std::optional<Error> {
    const Outcome three = open.Execute({"SELECT 3"});
    return open.Execute({"INSERT INTO t VALUES ($1)", {three.results[0].Integer(0, 0)}}).error;
  });
  CHECK(outcome.ok());
  CHECK(fixture.Value("SELECT i FROM t") == "3");
}

TEST_CASE("steps that give up leave nothing behind") {
  DatabaseFixture fixture(EachKind());
  REQUIRE(fixture.Run("CREATE TABLE t (i bigint)").ok());
  const Outcome outcome = fixture.RunSteps([](OpenTransaction& open) -> std::optional<Error> {
    open.Execute({"INSERT INTO t VALUES (1)"});
    return Error{Layer::kStatement, "", "changed my mind"};
  });
  CHECK(outcome.error->message == "changed my mind");
  CHECK(fixture.Value("SELECT count(*) FROM t") == "0");
}

TEST_CASE("an error that the steps overlook is no success") {
  DatabaseFixture fixture(EachKind());
  REQUIRE(fixture.Run("CREATE TABLE t (i bigint PRIMARY KEY)").ok());
  const Outcome outcome = fixture.RunSteps([](OpenTransaction& open) -> std::optional<Error> {
    open.Execute({"INSERT INTO t VALUES (1)"});
    open.Execute({"INSERT INTO t VALUES (1)"});
    return std::nullopt;
  });
  CHECK(outcome.error->sqlstate == "23505");
  CHECK(fixture.Value("SELECT count(*) FROM t") == "0");
}

TEST_CASE("a script has several statements, and all of them apply or none") {
  DatabaseFixture fixture(EachKind());
  const auto run = [&](const char* script) {
    return fixture.RunSteps([&](OpenTransaction& open) { return open.RunScript(script); });
  };
  CHECK(run("CREATE TABLE t (i int); INSERT INTO t VALUES (1);").ok());
  CHECK(run("INSERT INTO t VALUES (2); SELECT nonsense;").error->layer == Layer::kStatement);
  CHECK(fixture.Value("SELECT count(*) FROM t") == "1");
}

TEST_CASE("a statement that takes too long is ended, and its connection lives on") {
  DatabaseFixture fixture(EachKind());
  REQUIRE(fixture.Value("SELECT 1") == "1");
  const Outcome outcome = fixture.database->Wait({{{kForever}}, After(1s)});
  CHECK(outcome.error->layer == Layer::kTimeout);
  CHECK(outcome.error->sqlstate == "57014");
  CHECK_FALSE(outcome.error->may_be_applied);
  CHECK(fixture.Value("SELECT 1") == "1");
  CHECK(fixture.counters().lost_connections == 0);
}

TEST_CASE("a read-only transaction does not write") {
  DatabaseFixture fixture(EachKind());
  const Outcome outcome = fixture.database->Wait({{{"CREATE TABLE t (i int)"}}, Soon(), true});
  REQUIRE(outcome.error);
  CHECK(outcome.error->layer == Layer::kReadOnly);
  CHECK(outcome.error->sqlstate == "25006");
}

TEST_CASE("a database that goes answers everything that it was given") {
  DatabaseFixture fixture(EachKind());
  std::atomic<int> answered{0};
  for (int i = 0; i < 50; ++i) {
    fixture.database->Run({{{"SELECT 1"}}, Soon()}, [&](Outcome) { ++answered; });
  }
  fixture.database.reset();
  CHECK(answered == 50);
}

}  // namespace
}  // namespace praefect::db
