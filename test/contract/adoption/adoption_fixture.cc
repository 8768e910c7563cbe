#include "adoption_fixture.h"

#include <fmt/format.h>

#include <sstream>
#include <stdexcept>

#include "store_fixture.h"

namespace praefect::datastore {
namespace {

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

std::string Line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

AdoptionFixture::AdoptionFixture(int repositories, test::PostgresServer& server)
    : DatabaseFixture(server), server_(server) {
  Psql(test::ReadFile(UPSTREAM_18_9));
  std::string ids;
  for (const auto id : db::UpstreamMigrations()) ids += fmt::format(",('{}', now())", id);
  Psql("INSERT INTO schema_migrations VALUES " + ids.substr(1));
  Psql(Replaced(test::ReadFile(REPOSITORIES_18_9), "$COUNT", std::to_string(repositories)));
}

std::string AdoptionFixture::Psql(const std::string& sql) const {
  return Line(server_.Psql(sql, options.endpoint.dbname));
}

void AdoptionFixture::Queue(const std::string& state, const std::string& change,
                            const std::string& target, int64_t id,
                            const std::string& replica_path) const {
  Psql(fmt::format(
      "INSERT INTO replication_queue (state, job) VALUES ('{}', jsonb_build_object('change', '{}', "
      "'target_node_storage', '{}', 'repository_id', {}, 'replica_path', '{}', "
      "'relative_path', 'queued', 'virtual_storage', 'default'))",
      state, change, target, id, replica_path));
}

std::optional<db::Error> AdoptionFixture::Adopt() {
  bool changed = false;
  const auto oldest = db::EmbeddedMigrations(db::Engine::kPostgres).front();
  if (auto error = db::Migrator(*database).Up(oldest, db::Soon(), changed)) return error;
  return db::Migrator(*database).UpAll(db::Soon());
}

std::optional<db::Error> AdoptionFixture::GiveBack() {
  db::Migrator migrator(*database);
  db::Schema schema;
  if (auto error = migrator.Read(db::Soon(), schema)) return error;
  for (const db::Migration& migration : migrator.Applied(schema)) {
    bool changed = false;
    if (auto error = migrator.Down(migration, db::Soon(), changed)) return error;
  }
  return std::nullopt;
}

db::Understanding AdoptionFixture::Judge() {
  db::Schema schema;
  REQUIRE_FALSE(db::Migrator(*database).Read(db::Soon(), schema));
  return db::Judge(schema);
}

std::string AdoptionFixture::OursWhere(const std::string& condition,
                                       const std::string& prefix) const {
  return Psql(
      "SELECT DISTINCT " + prefix +
      " || state || ' ' || coalesce(\"primary\", '-') || ' ' || generation || '/' || "
      "acknowledged || CASE WHEN renamed THEN ' renamed' ELSE '' END || ':' || "
      "coalesce(replicas, '') FROM repositories LEFT JOIN (SELECT repository_id, "
      "string_agg(' ' || storage || '=' || coalesce(s.generation::text, '') || "
      "coalesce(' ' || kind || ' ' || j.state || ' ' || wanted, ''), '' ORDER BY storage) AS "
      "replicas "
      "FROM storage_repositories s FULL JOIN replication_jobs j USING (repository_id, storage) "
      "GROUP BY repository_id) r USING (repository_id) WHERE " +
      condition + " ORDER BY 1");
}

std::string AdoptionFixture::TheirsWhere(const std::string& condition,
                                         const std::string& prefix) const {
  return Psql(
      "SELECT DISTINCT " + prefix +
      " || coalesce(\"primary\", '-') || ' ' || coalesce(generation::text, '-') || ':' "
      "|| coalesce(replicas, '') FROM repositories LEFT JOIN (SELECT repository_id, "
      "string_agg(' ' || storage || '=' || coalesce(s.generation::text, '') || "
      "coalesce(' ' || change || ' ' || state, ''), '' ORDER BY storage) AS replicas "
      "FROM storage_repositories s FULL JOIN (SELECT (job->>'repository_id')::bigint AS "
      "repository_id, job->>'target_node_storage' AS storage, job->>'change' AS change, state "
      "FROM replication_queue) q USING (repository_id, storage) GROUP BY repository_id) r "
      "USING (repository_id) WHERE " +
      condition + " ORDER BY 1");
}

std::string AdoptionFixture::Definitions() const {
  const auto& endpoint = options.endpoint;
  test::Command command{
      test::AsPostgres({"pg_dump", "--schema-only", "-h", endpoint.host, "-p",
                        std::to_string(endpoint.port), "-U", "postgres", endpoint.dbname})};
  command.directory = "/";
  const test::Outcome outcome = test::Run(std::move(command));
  if (outcome.exit_status != 0) throw std::runtime_error(outcome.error);
  std::istringstream lines(outcome.output);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    // Newer releases begin and end with a random word.
    if (line.find("restrict") == line.npos) kept += line + '\n';
  }
  return kept;
}

std::string AdoptionFixture::Checksums() const {
  return Psql(
      "SELECT n.nspname || '.' || c.relname, (xpath('//text()', query_to_xml(format("
      "'SELECT coalesce(sum((''x'' || left(md5(row(t.*)::text), 15))::bit(60)::bigint), 0) AS sum "
      "FROM %I.%I t', n.nspname, c.relname), false, true, '')))[1] FROM pg_class c "
      "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' "
      "AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1");
}

Store& AdoptionFixture::store() {
  if (store_) return *store_;
  store_ = std::make_unique<Store>(*database, Storages{{"default", {"a", "b", "c"}}});
  instance_ = Await<int64_t>(
      [&](auto done) { store_->Register("praefect-1", "boot", 0, db::Soon(), std::move(done)); });
  return *store_;
}

bool AdoptionFixture::Write(int64_t id) {
  Store& books = store();
  const auto found = *Await<std::optional<Repository>>(
      [&](auto done) { books.Find(id, db::Soon(), std::move(done)); });
  const std::string primary = found.Name(found.books.primary);
  const int64_t intent = NextNumber();
  const OpenRequest open{intent, id, found.name, primary, found.books.term, {}};
  const auto opened = Await<std::vector<bool>>(
      [&](auto done) { books.Open(instance_, {open}, db::Soon(), std::move(done)); });
  if (!opened.at(0)) return false;
  const SettleRequest settle{intent, id, primary, found.books.term, true, false};
  return Await<std::vector<Settled>>([&](auto done) {
           books.Settle(instance_, ++number_, {settle}, db::Soon(), std::move(done));
         }).at(0) == Settled::kAcknowledged;
}

Changed AdoptionFixture::Change(int64_t id, Rule rule) {
  return Await<Changed>(
      [&](auto done) { store().Change(id, std::move(rule), db::Soon(), std::move(done)); });
}

void AdoptionFixture::Copy(int64_t id, const std::string& storage) {
  store();
  const int64_t run = NextNumber();
  REQUIRE(Change(id, StartCopyOnto(storage, {"a"}, true, run, instance_)) == Changed::kDone);
  REQUIRE(Change(id, CompleteRun(storage, run, true)) == Changed::kDone);
}

void AdoptionFixture::Delete(int64_t id, const std::string& storage) {
  store();
  const int64_t run = NextNumber();
  REQUIRE(Change(id, StartDeleteOn(storage, run, instance_)) == Changed::kDone);
  REQUIRE(Change(id, CompleteRun(storage, run, true)) == Changed::kDone);
}

Changed AdoptionFixture::Rename(const std::string& from, const std::string& to) {
  return Await<Changed>([&](auto done) {
    store().Rename({"default", from}, to, db::Soon(), std::move(done));
  });
}

int64_t AdoptionFixture::Create(const std::string& path) {
  store();
  const int64_t intent = NextNumber();
  const Creation creation{{"default", path}, "", false, "a", intent, instance_};
  const auto created =
      Await<Created>([&](auto done) { store().Create(creation, db::Soon(), std::move(done)); });
  REQUIRE(Change(created.id, EndCreation(intent, true, false)) == Changed::kDone);
  return created.id;
}

void AdoptionFixture::Stop() const {
  Psql("UPDATE instances SET changed_at = now() - interval '61 seconds'");
}

}  // namespace praefect::datastore
