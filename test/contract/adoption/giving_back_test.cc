#include "adoption_fixture.h"

namespace praefect::datastore {
namespace {

using Catch::Contains;
using db::Understanding;

// Adopted, and ready to be given back.
class Adopted : public AdoptionFixture {
 public:
  Adopted() {
    definitions_ = Definitions();
    REQUIRE_FALSE(Adopt());
  }

  // Fails the test when anything but the rows differs from what it was.
  void Return() {
    Stop();
    const auto error = GiveBack();
    INFO((error ? error->message : ""));
    REQUIRE_FALSE(error);
    CHECK(Judge() == Understanding::kUpstream);
    CHECK(Definitions() == definitions_);
  }

 private:
  std::string definitions_;
};

TEST_CASE("the Go Praefect's views find its primaries again") {
  Adopted fixture;
  fixture.Return();
  fixture.Psql(
      "UPDATE node_status SET last_seen_active_at = now(), last_contact_attempt_at = now()");
  CHECK(fixture.Psql("SELECT string_agg(storage, '' ORDER BY storage) FROM valid_primaries "
                     "WHERE repository_id = 3") == "ab");
}

TEST_CASE("tables that ours do not need come back untouched") {
  AdoptionFixture fixture;
  const std::string untouched =
      "SELECT md5(string_agg(t, ',' ORDER BY t)) FROM (SELECT n::text FROM node_status n UNION ALL "
      "SELECT s::text FROM shard_primaries s UNION ALL SELECT c::text FROM storage_cleanups c "
      "UNION "
      "ALL SELECT m::text FROM schema_migrations m UNION ALL SELECT a::text FROM "
      "repository_assignments a UNION ALL SELECT s::text FROM storage_repositories s WHERE "
      "repository_id % 12 <> 3) u (t)";
  const std::string before = fixture.Psql(untouched);
  REQUIRE_FALSE(fixture.Adopt());
  REQUIRE_FALSE(fixture.GiveBack());
  CHECK(fixture.Psql(untouched) == before);
}

TEST_CASE("writes and copies are given back as the generations that hold now") {
  Adopted fixture;
  REQUIRE(fixture.Write(12));
  REQUIRE(fixture.Write(12));
  fixture.Copy(12, "b");
  fixture.Return();
  CHECK(fixture.Psql("SELECT string_agg(storage || generation, ' ' ORDER BY storage) FROM "
                     "storage_repositories WHERE repository_id = 12") == "a7 b7 c5");
  CHECK(fixture.Psql("SELECT generation FROM repositories WHERE repository_id = 12") == "7");
  CHECK(fixture.Psql("SELECT job->>'source_node_storage' FROM replication_queue WHERE "
                     "job @> '{\"repository_id\": 12, \"target_node_storage\": \"c\", "
                     "\"replica_path\": \"@cluster/repositories/12\"}'") == "a");
}

TEST_CASE("a promotion, a creation and a removal are given back") {
  Adopted fixture;
  REQUIRE(fixture.Change(12, PromoteTo("b", false)) == Changed::kDone);
  const int64_t created = fixture.Create("new.git");
  REQUIRE(fixture.Change(24, RemoveRepository()) == Changed::kDone);
  fixture.Return();
  CHECK(fixture.Psql(
            "SELECT string_agg(repository_id || relative_path || \"primary\", ' ' ORDER BY "
            "repository_id) FROM repositories WHERE repository_id % 12 = 0 OR "
            "repository_id > 24") == "12@hashed/12.gitb " + std::to_string(created) + "new.gita");
  CHECK(fixture.Psql("SELECT string_agg(job->>'target_node_storage', '' ORDER BY "
                     "job->>'target_node_storage') FROM "
                     "replication_queue WHERE job->>'replica_path' = "
                     "'@cluster/repositories/24' AND job->>'change' = 'delete'") == "abc");
  CHECK(fixture.Psql("SELECT nextval('repositories_repository_id_seq')") ==
        std::to_string(created + 1));
}

TEST_CASE("names that were exchanged are given back") {
  Adopted fixture;
  REQUIRE(fixture.Rename("@hashed/12.git", "x") == Changed::kDone);
  REQUIRE(fixture.Rename("@hashed/24.git", "@hashed/12.git") == Changed::kDone);
  REQUIRE(fixture.Rename("x", "@hashed/24.git") == Changed::kDone);
  fixture.Return();
  CHECK(fixture.Psql("SELECT string_agg(repository_id || relative_path || storage || generation, "
                     "' ' ORDER BY repository_id) FROM storage_repositories WHERE "
                     "repository_id IN (12, 24) AND storage = 'c'") ==
        "12@hashed/24.gitc5 24@hashed/12.gitc5");
}

TEST_CASE("deletes that the Go Praefect queued are done, and not given back") {
  Adopted fixture;
  fixture.Delete(3, "c");
  const int64_t removed = std::stoll(
      fixture.Psql("SELECT min(repository_id) FROM repositories WHERE state = 'removing'"));
  fixture.Delete(removed, "b");
  fixture.Return();
  CHECK(fixture.Psql("SELECT count(*) FROM replication_queue WHERE job->>'change' LIKE 'delete%' "
                     "AND (job->>'repository_id')::int IN (3, " +
                     std::to_string(removed) + ")") == "0");
  CHECK(fixture.Theirs(3) == "a 5: a=5 b=5\na 5: a=5 b=5 c= delete_replica ready");
}

TEST_CASE("a write whose end nobody saw is given back as one that happened") {
  Adopted fixture;
  fixture.Psql(
      "INSERT INTO write_intents (id, repository_id, storage, term, instance) "
      "VALUES (1, 12, 'a', 1, 1)");
  fixture.Return();
  CHECK(fixture.Theirs(0) == "a 5: a=5 b=5 c=5\na 6: a=6 b=5 c=5");
}

TEST_CASE("a database is not given back under a running Praefect") {
  Adopted fixture;
  fixture.Create("new.git");
  const std::string before = fixture.Definitions() + fixture.Checksums();
  const auto error = fixture.GiveBack();
  REQUIRE(error);
  CHECK_THAT(error->message, Contains("a Praefect was alive in the last 60 s: praefect-1"));
  CHECK(fixture.Definitions() + fixture.Checksums() == before);
}

TEST_CASE("a database can be taken over again") {
  Adopted fixture;
  REQUIRE(fixture.Write(12));
  fixture.Return();
  REQUIRE_FALSE(fixture.Adopt());
  CHECK(fixture.OursWhere("repository_id = 12") ==
        "live a 6/6: a=6 b=5 copy ready 6 c=5 copy ready 6");
  CHECK(fixture.OursWhere("repository_id = 3") == "live a 5/5: a=5 b=5 c=-1 delete ready 0");
}

}  // namespace
}  // namespace praefect::datastore
