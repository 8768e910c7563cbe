#include "store_fixture.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <map>

#include "db/migrations.h"

namespace praefect::datastore {

namespace {

const Storages kStorages = {{"default", {"a", "b", "c"}}};

RepositoryName Name(const std::string& path) { return {"default", path}; }

}  // namespace

StoreFixture::StoreFixture(db::Kind kind) : DatabaseFixture(kind) {
  const auto error = db::Migrator(*database).UpAll(db::Soon());
  INFO((error ? error->message : ""));
  REQUIRE_FALSE(error);
  store = std::make_unique<Store>(*database, kStorages);
  instance = NewInstance();
}

int64_t StoreFixture::NewInstance() {
  const auto timeline =
      Await<int64_t>([&](auto done) { store->ReadTimeline(db::Soon(), std::move(done)); });
  return Await<int64_t>([&](auto done) {
    store->Register("praefect-1", "boot", timeline, db::Soon(), std::move(done));
  });
}

Created StoreFixture::Record(const std::string& path, const std::string& primary, int64_t intent,
                             std::vector<std::string> assignments) {
  const Creation creation{.name = Name(path),
                          .replica_path = path,
                          .primary = primary,
                          .intent = intent,
                          .instance = instance,
                          .assignments = std::move(assignments)};
  return Await<Created>([&](auto done) { store->Create(creation, db::Soon(), std::move(done)); });
}

const Storages& StoreFixture::storages() { return kStorages; }

int64_t StoreFixture::Make(const std::string& path, std::vector<std::string> assignments) {
  const int64_t intent = NextNumber();
  const Created created = Record(path, "a", intent, assignments);
  REQUIRE(created.id != 0);
  REQUIRE(Change(created.id, EndCreation(intent, true, false)) == Changed::kDone);
  if (assignments.empty()) assignments = kStorages.at("default");
  for (const std::string& storage : assignments) {
    if (storage != "a") Copy(created.id, storage);
  }
  return created.id;
}

std::optional<Repository> StoreFixture::FindName(const std::string& path) {
  return Await<std::optional<Repository>>(
      [&](auto done) { store->Find(Name(path), db::Soon(), std::move(done)); });
}

Repository StoreFixture::Get(int64_t id) {
  const auto found = Await<std::optional<Repository>>(
      [&](auto done) { store->Find(id, db::Soon(), std::move(done)); });
  REQUIRE(found);
  return *found;
}

bool StoreFixture::Exists(int64_t id) {
  return Await<std::optional<Repository>>(
             [&](auto done) { store->Find(id, db::Soon(), std::move(done)); })
      .has_value();
}

Call StoreFixture::Route(int64_t id) {
  const Repository repository = Get(id);
  return {NextNumber(), id, repository.Name(repository.books.primary), repository.books.term};
}

bool StoreFixture::Open(const Call& call, std::optional<int64_t> additional) {
  const OpenRequest request{.intent = call.intent,
                            .repository_id = call.id,
                            .name = Get(call.id).name,
                            .storage = call.storage,
                            .term = call.term,
                            .additional_repository_id = additional};
  return Await<std::vector<bool>>(
      [&](auto done) { store->Open(instance, {request}, db::Soon(), std::move(done)); })[0];
}

Call StoreFixture::OpenNow(int64_t id) {
  const Call call = Route(id);
  REQUIRE(Open(call));
  return call;
}

Settled StoreFixture::Settle(const Call& call, bool node_ok, bool told_otherwise) {
  const SettleRequest request{.intent = call.intent,
                              .repository_id = call.id,
                              .storage = call.storage,
                              .term = call.term,
                              .node_ok = node_ok,
                              .told_otherwise = told_otherwise};
  return Await<std::vector<Settled>>([&](auto done) {
    store->Settle(instance, ++batch_, {request}, db::Soon(), std::move(done));
  })[0];
}

Settled StoreFixture::SettleAs(int64_t batch, const Call& call, bool node_ok) {
  batch_ = batch - 1;
  return Settle(call, node_ok);
}

void StoreFixture::Assign(int64_t id, const std::vector<std::string>& storages) {
  for (const std::string& storage : storages) {
    REQUIRE(Run("INSERT INTO repository_assignments VALUES ($1, $2)", {id, storage}).ok());
  }
}

void StoreFixture::QueueDelete(int64_t id, const std::string& storage) {
  REQUIRE(
      Run("UPDATE replication_jobs SET kind = 'delete' WHERE repository_id = $1 AND storage = $2",
          {id, storage})
          .ok());
}

Changed StoreFixture::Change(int64_t id, Rule rule) {
  return Await<Changed>(
      [&](auto done) { store->Change(id, std::move(rule), db::Soon(), std::move(done)); });
}

Changed StoreFixture::Change(const std::string& path, Rule rule) {
  return Await<Changed>(
      [&](auto done) { store->Change(Name(path), std::move(rule), db::Soon(), std::move(done)); });
}

int64_t StoreFixture::Start(int64_t id, const std::string& storage) {
  const int64_t run = NextNumber();
  const Repository before = Get(id);
  const std::string source = before.Name(before.books.primary);
  REQUIRE(Change(id, StartCopyOnto(storage, {source}, true, run, instance)) == Changed::kDone);
  return run;
}

Job StoreFixture::JobOn(int64_t id, const std::string& storage) {
  const Repository repository = Get(id);
  const int position = repository.Position(storage);
  return position == kNoStorage ? Job() : repository.books.replicas[position].job;
}

void StoreFixture::Copy(int64_t id, const std::string& storage) {
  const int64_t run = Start(id, storage);
  REQUIRE(Change(id, CompleteRun(storage, run, true)) == Changed::kDone);
}

void StoreFixture::DeleteEverywhere(int64_t id) {
  for (const char* storage : {"a", "b", "c"}) {
    const int64_t run = NextNumber();
    if (Change(id, StartDeleteOn(storage, run, instance)) != Changed::kDone) continue;
    REQUIRE(Change(id, CompleteRun(storage, run, true)) == Changed::kDone);
  }
}

Changed StoreFixture::Rename(const std::string& from, const std::string& to) {
  return Await<Changed>(
      [&](auto done) { store->Rename(Name(from), to, db::Soon(), std::move(done)); });
}

bool StoreFixture::Overlaps(const std::string& path) {
  return Await<bool>([&](auto done) { store->Overlaps(Name(path), db::Soon(), std::move(done)); });
}

std::vector<int64_t> StoreFixture::DueOn(const std::string& storage) {
  std::vector<int64_t> ids;
  for (const DueJob& job : DueJobsOn(storage)) ids.push_back(job.repository_id);
  return ids;
}

std::vector<DueJob> StoreFixture::DueJobsOn(const std::string& storage) {
  return Await<std::vector<DueJob>>(
      [&](auto done) { store->DueJobs("default", storage, 10, db::Soon(), std::move(done)); });
}

int64_t StoreFixture::RetryParkedOn(const std::string& storage, std::chrono::milliseconds age,
                                    int least_attempts) {
  return Await<int64_t>([&](auto done) {
    store->RetryParkedJobs("default", storage, age, least_attempts, 10, db::Soon(),
                           std::move(done));
  });
}

int64_t StoreFixture::HastenOn(const std::string& storage) {
  return Await<int64_t>(
      [&](auto done) { store->HastenJobs("default", storage, 10, db::Soon(), std::move(done)); });
}

MissingJobs StoreFixture::FindMissingJobs(int64_t after, int limit) {
  return Await<MissingJobs>(
      [&](auto done) { store->FindMissingJobs(after, limit, db::Soon(), std::move(done)); });
}

std::vector<std::string> StoreFixture::EventsOf(std::optional<int64_t> id) {
  std::vector<std::string> texts;
  for (const RecordedEvent& event : Await<std::vector<RecordedEvent>>(
           [&](auto done) { store->Events(id, 10, db::Soon(), std::move(done)); })) {
    texts.push_back(event.kind + (event.storage.empty() ? "" : " " + event.storage));
  }
  return texts;
}

bool StoreFixture::IsLocked(int64_t id) {
  if (database->engine() == db::Engine::kPostgres) {
    return db::SharedServer().Psql(
               "SELECT count(*) FROM (SELECT FROM repositories WHERE "
               "repository_id = " +
                   std::to_string(id) + " FOR UPDATE SKIP LOCKED) free",
               options.endpoint.dbname) == "0\n";
  }
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open((directory / "praefect.db").c_str(), &other) == SQLITE_OK);
  const int begun = sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  return begun == SQLITE_BUSY;
}

bool StoreFixture::Bury(Beat seen) {
  return Await<bool>([&](auto done) { store->Bury(seen, db::Soon(), std::move(done)); });
}

std::vector<Beat> StoreFixture::RaiseBeat(int64_t of) {
  return Await<std::vector<Beat>>(
      [&](auto done) { store->RaiseBeat(of, ++number_, db::Soon(), std::move(done)); });
}

Beat StoreFixture::BeatOf(int64_t of) {
  for (const Beat& beat : RaiseBeat(of)) {
    if (beat.instance == of) return beat;
  }
  return {};
}

std::string Dump(const Repository& repository) {
  const Books& books = repository.books;
  std::string text = fmt::format(
      "{} {}/{} at {} state {} primary {} term {} generation {} acknowledged {} renamed {}\n",
      repository.id, repository.name.virtual_storage, repository.name.relative_path,
      repository.replica_path, static_cast<int>(books.state), repository.Name(books.primary),
      books.term, books.generation, books.acknowledged, repository.renamed);
  std::map<std::string, std::string> lines;
  for (size_t i = 0; i < repository.storages.size(); ++i) {
    const Replica& replica = books.replicas[i];
    const Job& job = replica.job;
    if (!replica.row && job.state == JobState::kNone) continue;
    lines[repository.storages[i]] = fmt::format(
        "row {} generation {} verified {} suspect {} aside {} {} job {} {} wanted {} source {} "
        "claim "
        "{} quiet {} run {} attempts {} error {}",
        replica.row, replica.generation, replica.verified, replica.suspect, replica.aside,
        replica.aside_filesystem_id, static_cast<int>(job.state), static_cast<int>(job.kind),
        job.wanted, repository.Name(job.source), job.claim, job.quiet, job.run, job.attempts,
        job.error);
  }
  for (const Intent& intent : books.intents) {
    lines[fmt::format("intent {}", intent.id)] =
        fmt::format("on {} term {} lingering {}", repository.Name(intent.storage), intent.term,
                    intent.lingering);
  }
  std::vector<std::string> assigned = repository.assignments;
  std::sort(assigned.begin(), assigned.end());
  for (const std::string& storage : assigned) text += "assigned to " + storage + "\n";
  for (const auto& [name, line] : lines) text += fmt::format("{}: {}\n", name, line);
  return text;
}

}  // namespace praefect::datastore
