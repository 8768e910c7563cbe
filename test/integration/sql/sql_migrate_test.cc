#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "db/migrations.h"
#include "sql_commands.h"
#include "support/free_port.h"

namespace praefect::test {
namespace {

using Json = nlohmann::json;

// Commands on a new database of PlainServer's.
class MigrateFixture : public SqlCommands {
 public:
  MigrateFixture() : dbname_(PlainServer().CreateDatabase()) {
    UsePlain(PlainServer().port(), dbname_);
  }

  std::string Psql(const std::string& sql) const { return PlainServer().Psql(sql, dbname_); }
  // Upstream's table, with the first `count` of its migrations.
  void MakeUpstream(size_t count) const {
    std::string sql =
        "CREATE TABLE IF NOT EXISTS schema_migrations (id text PRIMARY KEY, applied_at "
        "timestamptz);";
    for (const auto id : db::UpstreamMigrations().first(count)) {
      sql += "INSERT INTO schema_migrations VALUES ('" + std::string(id) +
             "', '2026-11-22 03:06:32.961174+00');";
    }
    Psql(sql);
  }
  size_t ours() const { return db::EmbeddedMigrations(db::Engine::kPostgres).size(); }

 private:
  const std::string dbname_;
};

TEST_CASE("sql-migrate applies what is missing, once") {
  MigrateFixture fixture;
  const Ending first = fixture.Run({"sql-migrate"});
  CHECK(first.exit_code == 0);
  const std::string count = std::to_string(fixture.ours());
  if (fixture.ours() > 0) {
    CHECK(FirstLine(first.output) == "praefect sql-migrate: migrations to apply: " + count);
    CHECK(
        Mentions(first.output, "\npraefect sql-migrate: OK (applied " + count + " migrations)\n"));
  }
  CHECK(fixture.Run({"sql-migrate"}) ==
        Ending{0, "praefect sql-migrate: all migrations are up\n", ""});
}

TEST_CASE("sql-migrate-down shows what it would do, and does it with -f") {
  MigrateFixture fixture;
  REQUIRE(fixture.Run({"sql-migrate"}).exit_code == 0);
  std::string list;
  const auto embedded = db::EmbeddedMigrations(db::Engine::kPostgres);
  if (!embedded.empty()) list = "- " + std::string(embedded.back().id) + "\n";
  CHECK(
      fixture.Run({"sql-migrate-down", "1"}) ==
      Ending{0,
             "DRY RUN -- would roll back:\n\n" + list + "\nTo apply these migrations run with -f\n",
             ""});
  const std::string done = std::to_string(std::min<size_t>(embedded.size(), 1));
  CHECK(fixture.Run({"sql-migrate-down", "-f", "1"}) ==
        Ending{0, "OK (applied " + done + " \"down\" migrations)\n", ""});
  CHECK(fixture.Run({"sql-migrate"}).exit_code == 0);
}

TEST_CASE("sql-migrate-down wants one number") {
  MigrateFixture fixture;
  const auto error = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "sql-migrate-down");
    const Ending ending = fixture.Run(words);
    CHECK(ending.exit_code == 2);
    return ending.error;
  };
  CHECK(error({}) == "sql-migrate-down requires a single positional argument\n");
  CHECK(error({"1", "2"}) == "sql-migrate-down accepts only single positional argument\n");
  CHECK(error({"x"}) == "strconv.Atoi: parsing \"x\": invalid syntax\n");
  CHECK(error({"0"}) == "number of migrations to roll back must be 1 or more\n");
}

TEST_CASE("sql-migrate-status draws upstream's table") {
  MigrateFixture fixture;
  fixture.MakeUpstream(43);
  const Ending ending = fixture.Run({"sql-migrate-status"});
  CHECK(ending.exit_code == 0);
  CHECK(Mentions(
      ending.output,
      "│                      MIGRATION                       │          APPLIED           │\n"));
  CHECK(Mentions(
      ending.output,
      "│ 20200109161404_hello_world                           │ 2026-11-22 03:06:32.961174 │\n"
      "│                                                      │ +0000 UTC                  │\n"));
}

TEST_CASE("sql-migrate-status tells what is unknown, also to programs") {
  MigrateFixture fixture;
  REQUIRE(fixture.Run({"sql-migrate"}).exit_code == 0);
  fixture.Psql(
      "CREATE TABLE IF NOT EXISTS schema_migrations (id text PRIMARY KEY, applied_at timestamptz);"
      "INSERT INTO schema_migrations VALUES ('29990101000000_newer', now())");
  CHECK(Mentions(fixture.Run({"sql-migrate-status"}).output, "unknown migration"));
  const Json json = Json::parse(fixture.Run({"sql-migrate-status", "-o", "json"}).output);
  CHECK(json["migrations"].back()["id"] == "29990101000000_newer");
  CHECK(json["migrations"].back()["known"] == false);
}

TEST_CASE("unknown migrations stop sql-migrate only when asked to") {
  MigrateFixture fixture;
  REQUIRE(fixture.Run({"sql-migrate"}).exit_code == 0);
  if (fixture.ours() == 0) return;
  fixture.Psql("INSERT INTO schema_migrations VALUES ('29990101000000_newer', now())");
  const Ending tolerant = fixture.Run({"sql-migrate"});
  CHECK(tolerant.exit_code == 0);
  CHECK(Mentions(tolerant.error, "warning: the database has migrations of a newer Praefect"));
  const Ending strict = fixture.Run({"sql-migrate", "-ignore-unknown=false"});
  CHECK(strict.exit_code == 1);
  CHECK(FirstLine(strict.error) ==
        "praefect sql-migrate: fail: Unable to create migration plan because of "
        "29990101000000_newer: unknown migration in database");
}

TEST_CASE("a Go Praefect's older database is refused and not touched") {
  MigrateFixture fixture;
  fixture.MakeUpstream(42);
  const Ending ending = fixture.Run({"sql-migrate"});
  CHECK(ending.exit_code == 1);
  CHECK(Mentions(ending.error, "upgrade GitLab to 18.9 first"));
  CHECK(fixture.Psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "1\n");
  CHECK(fixture.Psql("SELECT count(*) FROM schema_migrations") == "42\n");
}

TEST_CASE("a Go Praefect's database is taken over, and given back") {
  MigrateFixture fixture;
  fixture.Psql(ReadFile(UPSTREAM_18_9));
  fixture.MakeUpstream(43);
  const char* note = "made by the Go Praefect 18.9 and not taken over yet: stop all Go Praefects";
  CHECK(Mentions(fixture.Run({"sql-ping"}).error, note));
  CHECK(Mentions(fixture.Run({"sql-migrate-status"}).error, note));
  const Ending taken = fixture.Run({"sql-migrate"});
  CHECK(taken.exit_code == 0);
  CHECK(Mentions(taken.output, "takes the database of the Go Praefect 18.9 over"));
  const std::string all = std::to_string(fixture.ours());
  CHECK(Mentions(fixture.Run({"sql-migrate-down", all}).output,
                 "gives the database back to the Go Praefect 18.9"));
  CHECK(fixture.Run({"sql-migrate-down", "-f", all}).exit_code == 0);
  CHECK(Mentions(fixture.Run({"sql-ping"}).error, note));
}

TEST_CASE("sql-migrate says which Go Praefect is alive") {
  MigrateFixture fixture;
  fixture.Psql(ReadFile(UPSTREAM_18_9));
  fixture.MakeUpstream(43);
  fixture.Psql(
      "INSERT INTO node_status (praefect_name, shard_name, node_name, last_contact_attempt_at) "
      "VALUES ('praefect-1:2305', 'default', 'gitaly-1', now())");
  const Ending ending = fixture.Run({"sql-migrate"});
  CHECK(ending.exit_code == 1);
  CHECK(Mentions(ending.error, "a Go Praefect was alive in the last 60 s: praefect-1:2305"));
  CHECK(Mentions(ending.error, "stop every one, wait until a minute has passed"));
  CHECK(fixture.Psql("SELECT count(*) FROM schema_migrations") == "43\n");
}

TEST_CASE("a database that cannot be reached gets upstream's first line") {
  SqlCommands commands;
  commands.UsePlain(FreePort());
  const auto command = GENERATE(std::vector<std::string>{"sql-migrate"},
                                std::vector<std::string>{"sql-migrate-status"},
                                std::vector<std::string>{"sql-migrate-down", "1"});
  auto words = command;
  words.insert(words.end(), {"-timeout", "200ms"});
  const Ending ending = commands.Run(words);
  CHECK(ending.exit_code == 1);
  CHECK(Mentions(FirstLine(ending.error), "sql open: send ping: failed to connect to "));
}

TEST_CASE("the embedded store is left to serve") {
  SqlCommands commands;
  commands.Set("host", "");
  commands.Set("dbname", "");
  const Ending up = commands.Run({"sql-migrate"});
  CHECK(up.exit_code == 0);
  CHECK(Mentions(up.output, "is migrated by `praefect serve`"));
  CHECK(commands.Run({"sql-migrate-down", "1"}).exit_code == 1);
  CHECK(commands.Run({"sql-migrate-status"}).exit_code == 1);
}

}  // namespace
}  // namespace praefect::test
