#include <fmt/format.h>

#include <future>
#include <thread>

#include "adoption_fixture.h"

namespace praefect::datastore {
namespace {

using Catch::Contains;
using db::Understanding;

constexpr int kManyRepositories = 100'000;

// What the books say of each state, as they were adopted.
constexpr const char* kAdopted[12] = {
    "live a 5/5: a=5 b=5 c=5",
    "live a 5/5: a=5 b=3 copy ready 5 c=5",
    "live a 5/5: a=5 b=5",  // that c is missing only the configuration knows
    "live a 5/5: a=5 b=5 c=-1 delete ready 0",
    "live a 5/5: a=5 b=5 c=-1 copy ready 5",
    "live a 5/5: a=5 b=4 copy lingering 5 c=5",
    "live - 5/5: a=5 b=5 c=5",
    "live a 5/5: a=5 b=5 c=5",
    "live a 5/5: a=5 b=5 c=5",
    "live a 5/5 renamed: a=5 b=5 c=5",
    "live a 5/5: a=4 b=5 c=5",
    "live a 0/0:",
};

// What the Go Praefect then gets back. A replica that is to be deleted is claimed by nobody.
constexpr const char* kGivenBack[12] = {
    "a 5: a=5 b=5 c=5",
    "a 5: a=5 b=3 update ready c=5",
    "a 5: a=5 b=5",
    "a 5: a=5 b=5 c= delete_replica ready",
    "a 5: a=5 b=5 c= update ready",
    "a 5: a=5 b=4 update ready c=5",
    "- 5: a=5 b=5 c=5",
    "a 5: a=5 b=5 c=5",
    "a 5: a=5 b=5 c=5",
    "a 5: a=5 b=5 c=5",
    "a 5: a=4 b=5 c=5",
    "a 0:",
};

// One query for all of them, and its answer.
const std::string kState = "lpad((repository_id % 12)::text, 2, '0') || ' '";

std::string InOrder(const char* const (&lines)[12]) {
  std::string text;
  for (int state = 0; state < 12; ++state) text += fmt::format("\n{:02} {}", state, lines[state]);
  return text.substr(1);
}

TEST_CASE("a hundred thousand repositories keep their meaning, there and back") {
  AdoptionFixture fixture(kManyRepositories);
  const std::string definitions = fixture.Definitions();
  REQUIRE(fixture.Judge() == Understanding::kUpstream);
  REQUIRE_FALSE(fixture.Adopt());
  CHECK(fixture.Judge() == Understanding::kCurrent);
  CHECK(fixture.OursWhere("state = 'live'", kState) == InOrder(kAdopted));
  CHECK(fixture.OursWhere("state <> 'live'") == "removing - 0/0: b=-1 delete ready 0");
  CHECK(fixture.Psql("SELECT count(*) FROM repositories WHERE state = 'removing'") == "8333");
  REQUIRE_FALSE(fixture.GiveBack());
  CHECK(fixture.TheirsWhere("true", kState) == InOrder(kGivenBack));
  CHECK(fixture.Psql("SELECT count(*) FROM replication_queue WHERE job->>'change' = 'delete'") ==
        "8333");
  CHECK(fixture.Definitions() == definitions);
}

TEST_CASE("names, places and assignments are kept") {
  AdoptionFixture fixture;
  REQUIRE_FALSE(fixture.Adopt());
  CHECK(fixture.Psql("SELECT count(*) FROM repositories o JOIN go_praefect.repositories g "
                     "USING (repository_id, virtual_storage) WHERE o.relative_path = "
                     "g.relative_path COLLATE \"C\" AND o.replica_path = g.replica_path "
                     "COLLATE \"C\"") == "24");
  CHECK(fixture.Psql(
            "SELECT string_agg(repository_id || storage, ' ' ORDER BY repository_id, storage) FROM "
            "repository_assignments") == "3a 3b 4a 4b 4c 15a 15b 16a 16b 16c");
  CHECK(fixture.Create("new.git") > 24 + 1000);
}

TEST_CASE("an adopted database has the form of a new one") {
  AdoptionFixture fixture;
  REQUIRE_FALSE(fixture.Adopt());
  db::DatabaseFixture fresh;
  REQUIRE_FALSE(db::Migrator(*fresh.database).UpAll(db::Soon()));
  const char* columns =
      "SELECT string_agg(table_name || column_name || data_type || is_nullable || "
      "coalesce(column_default, ''), ',' ORDER BY 1) FROM (SELECT * FROM "
      "information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, "
      "ordinal_position) c";
  const char* indexes =
      "SELECT string_agg(indexdef, ',' ORDER BY indexdef) FROM pg_indexes "
      "WHERE schemaname = 'public'";
  CHECK(fixture.Value(columns) == fresh.Value(columns));
  CHECK(fixture.Value(indexes) == fresh.Value(indexes));
}

TEST_CASE("nothing fires for rows, and a Go Praefect started by mistake finds no node_status") {
  AdoptionFixture fixture;
  REQUIRE_FALSE(fixture.Adopt());
  CHECK(fixture.Psql("SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                     "WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace") == "0");
  CHECK_FALSE(fixture.Run("SELECT 1 FROM node_status").ok());
}

TEST_CASE("a delete in progress lingers, and its replica is no primary") {
  AdoptionFixture fixture(12);
  fixture.Queue("in_progress", "delete_replica", "a", 12, "@cluster/repositories/12");
  REQUIRE_FALSE(fixture.Adopt());
  CHECK(fixture.Ours(0) == "live - 5/5: a=-1 delete lingering 0 b=5 c=5");
}

TEST_CASE("the last replica that holds what it holds is not deleted") {
  AdoptionFixture fixture(12);
  fixture.Psql("DELETE FROM storage_repositories WHERE repository_id = 12 AND storage <> 'b'");
  fixture.Queue("ready", "delete_replica", "b", 12, "@cluster/repositories/12");
  REQUIRE_FALSE(fixture.Adopt());
  CHECK(fixture.Ours(0) == "live a 5/5: b=5");
  CHECK_THAT(fixture.Psql("SELECT detail FROM events WHERE kind = 'delete_dropped'"),
             Contains("no other replica holds as much"));
}

TEST_CASE("what lies where a removed repository was is not deleted") {
  AdoptionFixture fixture(12);
  fixture.Queue("ready", "delete", "b", 500, "@hashed/8.git");
  REQUIRE_FALSE(fixture.Adopt());
  CHECK(fixture.Ours(8) == "live a 5/5: a=5 b=5 c=5");
  CHECK_THAT(fixture.Psql("SELECT detail FROM events WHERE kind = 'delete_dropped'"),
             Contains("another repository lies there now"));
}

TEST_CASE("a delete of an old release is found by its path") {
  AdoptionFixture fixture(12);
  fixture.Psql(
      "INSERT INTO replication_queue (job) VALUES ('{\"change\": \"delete\", "
      "\"virtual_storage\": \"default\", \"relative_path\": \"@hashed/8.git\", "
      "\"target_node_storage\": \"c\"}')");
  REQUIRE_FALSE(fixture.Adopt());
  CHECK(fixture.Ours(8) == "live a 5/5: a=5 b=5 c=-1 delete ready 0");
}

TEST_CASE("a replica ahead of its repository is what the others are measured by") {
  AdoptionFixture fixture(12);
  fixture.Psql(
      "UPDATE storage_repositories SET generation = 7 WHERE repository_id = 12 "
      "AND storage = 'a'");
  REQUIRE_FALSE(fixture.Adopt());
  CHECK(fixture.Ours(0) == "live a 7/7: a=7 b=5 copy ready 7 c=5 copy ready 7");
}

TEST_CASE("two take the same database over, once") {
  AdoptionFixture fixture(1200);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([options = fixture.options] {
      db::LogOfTest log;
      const auto database = db::OpenPostgres(options, log);
      bool changed = false;
      const auto oldest = db::EmbeddedMigrations(db::Engine::kPostgres).front();
      const auto error = db::Migrator(*database).Up(oldest, db::Soon(), changed);
      if (error) throw std::runtime_error(error->message);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(fixture.Psql("SELECT count(*) FROM events") == "1");
  CHECK(fixture.Ours(1) == kAdopted[1]);
}

// What cannot be taken over: how it comes to be so, and what is said.
struct Obstacle {
  std::string sql;
  std::string message;
};

TEST_CASE("what cannot be taken over is left as it is") {
  const auto obstacle = GENERATE(
      Obstacle{"UPDATE node_status SET last_contact_attempt_at = now() "
               "WHERE praefect_name = 'praefect-2:2305'",
               "a Go Praefect was alive in the last 60 s: praefect-2:2305 ("},
      Obstacle{"DELETE FROM schema_migrations WHERE id LIKE '2026%'", "upgrade GitLab to 18.9"},
      Obstacle{"INSERT INTO schema_migrations VALUES ('20260301000000_theirs', now())",
               "20260301000000_theirs"},
      Obstacle{"UPDATE repositories SET replica_path = 'shared' WHERE repository_id < 3",
               "@hashed/1.git and @hashed/2.git of virtual storage default have the same"},
      Obstacle{"DROP TABLE virtual_storages", "virtual_storages"});
  AdoptionFixture fixture;
  fixture.Psql(obstacle.sql);
  const std::string before = fixture.Definitions() + fixture.Checksums();
  const auto error = fixture.Adopt();
  REQUIRE(error);
  CHECK_THAT(error->message, Contains(obstacle.message));
  CHECK(fixture.Definitions() + fixture.Checksums() == before);
}

TEST_CASE("a role that may not set the tables aside is told what it lacks") {
  AdoptionFixture fixture;
  fixture.Psql(
      "CREATE ROLE keeper LOGIN; GRANT ALL ON SCHEMA public TO keeper;"
      "GRANT ALL ON ALL TABLES IN SCHEMA public TO keeper");
  auto options = fixture.options;
  options.endpoint.user = "keeper";
  fixture.Reopen(options);
  const auto error = fixture.Adopt();
  REQUIRE(error);
  CHECK_THAT(error->message, Contains("run GRANT CREATE ON DATABASE") && Contains("TO \"keeper\""));
}

TEST_CASE("who uses the tables is waited for, not longer than asked") {
  AdoptionFixture fixture;
  test::Process other({{"psql", "-X", "-q", "-h", fixture.options.endpoint.host, "-p",
                        std::to_string(fixture.options.endpoint.port), "-U", "postgres", "-d",
                        fixture.options.endpoint.dbname, "-c",
                        "BEGIN; SELECT FROM storage_repositories; SELECT pg_sleep(100)"}});
  REQUIRE(test::Eventually([&] {
    return fixture.Psql(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)' "
               "AND wait_event = 'PgSleep' AND datname = current_database()") == "1";
  }));
  bool changed = false;
  const auto error =
      db::Migrator(*fixture.database)
          .Up(db::EmbeddedAdoption(), db::After(std::chrono::milliseconds(300)), changed);
  REQUIRE(error);
  CHECK_THAT(error->message, Contains("other sessions use the database's tables"));
  CHECK(fixture.Judge() == Understanding::kUpstream);
}

TEST_CASE("a server that dies in the middle leaves the database as it was") {
  test::PostgresServer server;
  AdoptionFixture fixture(24, server);
  const std::string before = fixture.Definitions() + fixture.Checksums();
  // Waits where the tables are set aside, ours are made, and half of them is filled.
  fixture.Psql(
      "CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM pg_sleep(100); END $$;"
      "CREATE EVENT TRIGGER wait ON ddl_command_end WHEN TAG IN ('CREATE TABLE AS') "
      "EXECUTE FUNCTION wait()");
  auto adoption = std::async(std::launch::async, [&] { return fixture.Adopt(); });
  CHECK(test::Eventually([&] {
    return fixture.Psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") ==
           "1";
  }));
  server.Stop();
  server.Start();
  CHECK(adoption.get());
  fixture.Psql("DROP EVENT TRIGGER wait; DROP FUNCTION wait()");
  CHECK(fixture.Definitions() + fixture.Checksums() == before);
}

}  // namespace
}  // namespace praefect::datastore
