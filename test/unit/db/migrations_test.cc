#include "db/migrations.h"

#include <regex>
#include <thread>

#include "database_fixture.h"

namespace praefect::db {
namespace {

constexpr Migration kMigrations[] = {
    {"20270101000000_first", "CREATE TABLE first (i int); INSERT INTO first VALUES (1);",
     "DROP TABLE first;"},
    {"20270102000000_second", "ALTER TABLE first ADD COLUMN j int;",
     "ALTER TABLE first DROP COLUMN j;"},
    {"20270103000000_third", "-- breaks older readers\nALTER TABLE first RENAME COLUMN j TO k;",
     "ALTER TABLE first RENAME COLUMN k TO j;"},
};
constexpr std::span<const Migration> kAll(kMigrations);

class MigrationFixture : public DatabaseFixture {
 public:
  using DatabaseFixture::DatabaseFixture;

  std::optional<Error> Migrate(std::span<const Migration> migrations = kAll) {
    return Migrator(*database, migrations).UpAll(Soon());
  }
  bool Undo(const Migration& migration) {
    bool changed = false;
    CHECK_FALSE(Migrator(*database, kAll).Down(migration, Soon(), changed));
    return changed;
  }
  Schema Read(std::span<const Migration> migrations = kAll) {
    Schema schema;
    CHECK_FALSE(Migrator(*database, migrations).Read(Soon(), schema));
    return schema;
  }
  Understanding JudgeAs(std::span<const Migration> migrations) { return Judge(Read(migrations)); }
  // Upstream's table with the first `count` of its migrations.
  void MakeUpstream(size_t count) {
    REQUIRE(
        Run("CREATE TABLE schema_migrations (id text PRIMARY KEY, applied_at timestamptz)").ok());
    for (const auto id : UpstreamMigrations().first(count)) Claim(std::string(id));
  }
  void Claim(const std::string& id) {
    REQUIRE(Run({"INSERT INTO schema_migrations VALUES ($1, '2026-11-22 03:06:32.9612+00')"}, {id})
                .ok());
  }
};

Kind EitherKind() { return GENERATE(Kind::kPostgres, Kind::kSqlite); }

TEST_CASE("a new database gets everything once") {
  MigrationFixture fixture(EitherKind());
  CHECK(fixture.JudgeAs(kAll) == Understanding::kTooOld);
  CHECK_FALSE(fixture.Migrate());
  CHECK_FALSE(fixture.Migrate());
  CHECK(fixture.Value("SELECT count(*) FROM first") == "1");
  CHECK(fixture.Value("SELECT count(*) FROM schema_migrations") == "3");
  CHECK(fixture.JudgeAs(kAll) == Understanding::kCurrent);
}

TEST_CASE("ten at once apply everything once") {
  MigrationFixture fixture(Kind::kPostgres);
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([options = fixture.options] {
      LogOfTest log;
      const auto database = OpenPostgres(options, log);
      const auto error = Migrator(*database, kAll).UpAll(Soon());
      if (error) throw std::runtime_error(error->message);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(fixture.Value("SELECT count(*) FROM first") == "1");
}

TEST_CASE("migrations work through a PgBouncer that pools transactions") {
  MigrationFixture fixture(Kind::kPgBouncer);
  CHECK_FALSE(fixture.Migrate());
  CHECK(fixture.JudgeAs(kAll) == Understanding::kCurrent);
}

TEST_CASE("what another process holds is waited for, not longer than asked") {
  MigrationFixture fixture(Kind::kPostgres);
  test::Process other({{"psql", "-X", "-q", "-h", fixture.options.endpoint.host, "-p",
                        std::to_string(fixture.options.endpoint.port), "-U", "postgres", "-d",
                        fixture.options.endpoint.dbname, "-c",
                        "BEGIN; SELECT pg_advisory_xact_lock(5796802758516761460); "
                        "SELECT pg_sleep(100)"}});
  REQUIRE(test::Eventually([&] {
    return fixture.Value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "1";
  }));
  bool changed = false;
  const auto error =
      Migrator(*fixture.database, kAll).Up(kAll[0], After(std::chrono::seconds(2)), changed);
  REQUIRE(error);
  CHECK_THAT(error->message, Catch::Contains("another process"));
  CHECK_FALSE(changed);
}

TEST_CASE("a migration that fails leaves nothing, and what was before it stays") {
  MigrationFixture fixture(EitherKind());
  const Migration broken[] = {kAll[0],
                              {"20270102000000_broken", "CREATE TABLE half (i int); nonsense", ""}};
  const auto error = fixture.Migrate(broken);
  REQUIRE(error);
  CHECK_THAT(error->message, Catch::Contains("handling 20270102000000_broken"));
  CHECK(fixture.Value("SELECT count(*) FROM schema_migrations") == "1");
  CHECK_FALSE(fixture.Run("SELECT * FROM half").ok());
}

TEST_CASE("down undoes one, once") {
  MigrationFixture fixture(EitherKind());
  REQUIRE_FALSE(fixture.Migrate());
  CHECK(fixture.Undo(kAll[2]));
  CHECK_FALSE(fixture.Undo(kAll[2]));
  CHECK(fixture.Run("SELECT j FROM first").ok());
  CHECK(fixture.JudgeAs(kAll) == Understanding::kTooOld);
  CHECK(fixture.JudgeAs(kAll.first(2)) == Understanding::kCurrent);
}

TEST_CASE("newer additive migrations are tolerated, a newer minimum reader is not") {
  MigrationFixture fixture(EitherKind());
  REQUIRE_FALSE(fixture.Migrate(kAll.first(2)));
  CHECK(fixture.JudgeAs(kAll.first(1)) == Understanding::kNewerAdditive);
  REQUIRE_FALSE(fixture.Migrate());
  CHECK(fixture.JudgeAs(kAll.first(2)) == Understanding::kTooNew);
}

TEST_CASE("the Go Praefect's databases are told from ours") {
  MigrationFixture fixture(Kind::kPostgres);
  fixture.MakeUpstream(42);
  CHECK(fixture.JudgeAs(kAll) == Understanding::kUpstreamOlder);
  fixture.Claim(std::string(UpstreamMigrations().back()));
  CHECK(fixture.JudgeAs(kAll) == Understanding::kUpstream);
  CHECK(fixture.Migrate()->layer == Layer::kDatabase);
  fixture.Claim("20260301000000_theirs");
  CHECK(fixture.JudgeAs(kAll) == Understanding::kForeign);
  CHECK(fixture.Read().migrations.front().applied_at == "2026-11-22 03:06:32.9612 +0000 UTC");
}

TEST_CASE("every refusal of a schema says what to do") {
  Schema schema;
  std::string warning;
  schema.migrations = {{"1_a", "", true, false}};
  CHECK_THAT(std::string(CheckSchema(schema, warning).message()), Catch::Contains("sql-migrate"));
  schema.migrations = {{"1_a", "then", true, false}, {"2_b", "then", false, false}};
  CHECK(CheckSchema(schema, warning).ok());
  CHECK_THAT(warning, Catch::Contains("2_b"));
  schema.unknown_minimum = {"2_b"};
  CHECK_THAT(std::string(CheckSchema(schema, warning).message()), Catch::Contains("upgrade"));
}

// What came after PostgreSQL 9.6, or leaves something in a session.
TEST_CASE("the migrations keep to PostgreSQL 9.6") {
  const std::regex comment("--[^\n]*");
  const std::regex newer(
      R"(\b(REFERENCING|GENERATED|INCLUDE|PROCEDURE|CONCURRENTLY|PREPARE|LISTEN)\b|(^|;)\s*SET (?!LOCAL\b))",
      std::regex::icase);
  const auto embedded = EmbeddedMigrations(Engine::kPostgres);
  std::vector<Migration> all(embedded.begin(), embedded.end());
  all.push_back(EmbeddedAdoption());
  for (const Migration& migration : all) {
    const std::string text = std::string(migration.up) + ";" + std::string(migration.down);
    const std::string code = std::regex_replace(text, comment, "");
    std::smatch match;
    INFO(migration.id);
    std::regex_search(code, match, newer);
    CHECK(match.str() == "");
  }
}

TEST_CASE("the embedded migrations go up, and down again") {
  const Kind kind = EitherKind();
  MigrationFixture fixture(kind);
  Migrator migrator(*fixture.database);
  REQUIRE_FALSE(migrator.UpAll(Soon()));
  Schema schema;
  REQUIRE_FALSE(migrator.Read(Soon(), schema));
  for (const Migration& migration : migrator.Applied(schema)) {
    CHECK(migration.id > UpstreamMigrations().back());
    bool changed = false;
    CHECK_FALSE(migrator.Down(migration, Soon(), changed));
  }
  CHECK_FALSE(migrator.UpAll(Soon()));
}

}  // namespace
}  // namespace praefect::db
