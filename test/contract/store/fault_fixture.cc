#include "fault_fixture.h"

#include <fmt/format.h>

#include <future>

#include "db/migrations.h"

namespace praefect::datastore {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kPatience{20'000};

// What an operation told.
template <class T>
std::optional<db::Error> ErrorOf(const std::function<void(Callback<T>)>& start) {
  std::promise<std::optional<db::Error>> told;
  start([&](Result<T> result) { told.set_value(std::move(result.error)); });
  return told.get_future().get();
}

std::string Path(int64_t n) { return fmt::format("{}/p.git", n); }

std::vector<Operation> MakeOperations() {
  const auto soon = [] { return db::After(kPatience); };
  return {
      {"Register",
       [=](Store& store, int64_t n) {
         return ErrorOf<int64_t>([&](auto done) {
           store.Register(fmt::format("subject {}", n), "boot", 0, soon(), done);
         });
       },
       "SELECT count(*) FROM instances i JOIN settled_batches ON instance = i.id "
       "WHERE name = 'subject ' || $1",
       false},
      {"RaiseBeat",
       [=](Store& store, int64_t n) {
         return ErrorOf<std::vector<Beat>>([&](auto done) { store.RaiseBeat(n, 1, soon(), done); });
       },
       "SELECT beat FROM instances WHERE id = $1", false},
      {"Bury",
       [=](Store& store, int64_t n) {
         return ErrorOf<bool>([&](auto done) { store.Bury({n, 0}, soon(), done); });
       },
       "SELECT count(*) FROM write_intents WHERE id = $1 AND lingering"},
      {"Open",
       [=](Store& store, int64_t n) {
         const OpenRequest request{.intent = -n,
                                   .repository_id = n,
                                   .name = {"default", Path(n)},
                                   .storage = "a",
                                   .term = 1};
         return ErrorOf<std::vector<bool>>(
             [&](auto done) { store.Open(n, {request}, soon(), done); });
       },
       "SELECT count(*) FROM write_intents WHERE id = -$1"},
      {"DropIntents",
       [=](Store& store, int64_t n) {
         return ErrorOf<bool>([&](auto done) { store.DropIntents({n}, soon(), done); });
       },
       "SELECT 1 - count(*) FROM write_intents WHERE id = $1"},
      {"Settle",
       [=](Store& store, int64_t n) {
         const SettleRequest request{
             .intent = n, .repository_id = n, .storage = "a", .term = 1, .node_ok = true};
         return ErrorOf<std::vector<Settled>>(
             [&](auto done) { store.Settle(n, 1, {request}, soon(), done); });
       },
       "SELECT CASE WHEN generation = acknowledged THEN generation ELSE -1 END FROM repositories "
       "WHERE repository_id = $1"},
      {"Create",
       [=](Store& store, int64_t n) {
         const Creation creation{.name = {"default", "new-" + Path(n)},
                                 .replica_path = "new-" + Path(n),
                                 .primary = "a",
                                 .intent = -n,
                                 .instance = n};
         return ErrorOf<Created>([&](auto done) { store.Create(creation, soon(), done); });
       },
       "SELECT count(*) FROM repositories r JOIN write_intents i USING (repository_id) "
       "JOIN storage_repositories s USING (repository_id) "
       "WHERE relative_path = 'new-' || $1 || '/p.git'"},
      {"Rename",
       [=](Store& store, int64_t n) {
         return ErrorOf<Changed>([&](auto done) {
           store.Rename({"default", Path(n)}, "renamed-" + Path(n), soon(), done);
         });
       },
       "SELECT count(*) FROM events WHERE repository_id = $1 AND EXISTS "
       "(SELECT FROM repositories WHERE relative_path = 'renamed-' || $1 || '/p.git')"},
      {"RenameBelow",
       [=](Store& store, int64_t n) {
         return ErrorOf<RenamedBelow>([&](auto done) {
           store.RenameBelow({"default", fmt::format("{}", n)}, fmt::format("moved-{}", n), 10,
                             soon(), done);
         });
       },
       "SELECT count(*) FROM events WHERE repository_id = $1 AND EXISTS "
       "(SELECT FROM repositories WHERE relative_path = 'moved-' || $1 || '/p.git')"},
      {"Change",
       [=](Store& store, int64_t n) {
         return ErrorOf<Changed>(
             [&](auto done) { store.Change(n, PromoteTo("b", false), soon(), done); });
       },
       "SELECT term - 1 FROM repositories r WHERE repository_id = $1 AND term - 1 = "
       "(SELECT count(*) FROM events WHERE repository_id = $1)"},
  };
}

}  // namespace

const std::vector<Operation>& Operations() {
  static const std::vector<Operation> operations = MakeOperations();
  return operations;
}

FaultFixture::FaultFixture(test::PostgresServer& server)
    : DatabaseFixture(server), server_(server) {
  const auto error = db::Migrator(*database).UpAll(db::Soon());
  INFO((error ? error->message : ""));
  REQUIRE_FALSE(error);
  direct = db::OpenPostgres(options, log);
  Open(options);
}

void FaultFixture::Open(db::PostgresOptions with) {
  Reopen(std::move(with));
  store = std::make_unique<Store>(*database, Storages{{"default", {"a", "b", "c"}}});
}

void FaultFixture::OpenThroughRelay() {
  relay = std::make_unique<test::Relay>(server_.port());
  db::PostgresOptions through = options;
  through.max_connections = 1;
  through.endpoint.host = "127.0.0.1";
  through.endpoint.port = relay->port();
  through.endpoint.sslmode = "disable";
  Open(through);
}

void FaultFixture::Heal() {
  relay->CutAfter(relay->kNever, relay->kNever);
  REQUIRE(test::Eventually([&] { return database->Wait({{{"SELECT 1"}}, db::Soon()}).ok(); }));
}

void FaultFixture::MakeSubjects(int64_t count) {
  for (const char* sql :
       {"INSERT INTO repositories (repository_id, virtual_storage, relative_path, replica_path, "
        "\"primary\") SELECT n, 'default', n || '/p.git', n || '/p.git', 'a' "
        "FROM generate_series($1, $1 + $2 - 1) n",
        "INSERT INTO storage_repositories (repository_id, storage, generation, verified_at) "
        "SELECT n, unnest(ARRAY['a', 'b', 'c']), 0, now() FROM generate_series($1, $1 + $2 - 1) n",
        "INSERT INTO instances (id, name, boot_id) SELECT n, 'of a test', 'boot' "
        "FROM generate_series($1, $1 + $2 - 1) n",
        "INSERT INTO settled_batches (instance) SELECT n FROM generate_series($1, $1 + $2 - 1) n",
        "INSERT INTO write_intents (id, repository_id, storage, term, instance) "
        "SELECT n, n, 'a', 1, n FROM generate_series($1, $1 + $2 - 1) n"}) {
    REQUIRE(direct->Wait({{{sql, {next_subject_, count}}}, db::Soon()}).ok());
  }
}

void FaultFixture::CheckTold(const Operation& operation, int64_t n,
                             const std::optional<db::Error>& told) {
  INFO(operation.name << " of " << n << " told: " << (told ? told->message : "done"));
  const std::string times = Look(operation.times_applied, {n});
  const bool known = !told || !told->may_be_applied;
  if (known) CHECK(times == (told ? "0" : "1"));
  if (known) return;
  ++unknown;
  CHECK((times == "0" || times == "1"));
  if (!operation.once_for_all) return;
  if (relay) Heal();
  const auto again = Run(operation, n);
  INFO("and again: " << (again ? again->message : "done"));
  CHECK(Look(operation.times_applied, {n}) == "1");
}

void FaultFixture::InTheMiddleOfAll(const std::function<void()>& fault) {
  MakeSubjects(static_cast<int64_t>(Operations().size()));
  test::Process holder(
      {{"psql", "-X", "-q", "-h", server_.directory().string(), "-p",
        std::to_string(server_.port()), "-U", "postgres", "-d", options.endpoint.dbname, "-c",
        "BEGIN; LOCK TABLE repositories, instances, write_intents, "
        "settled_batches IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1000)"}});
  REQUIRE(test::Eventually([&] {
    return Look(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
               "AND wait_event = 'PgSleep'") == "1";
  }));
  std::vector<std::future<std::optional<db::Error>>> ends;
  const int64_t first = next_subject_;
  for (const Operation& operation : Operations()) {
    ends.push_back(
        std::async(std::launch::async, [&, n = NextSubject()] { return Run(operation, n); }));
  }
  const std::string all = std::to_string(Operations().size());
  const bool waiting = test::Eventually([&] {
    return Look(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
               "AND wait_event_type = 'Lock'") == all;
  });
  fault();
  std::vector<std::optional<db::Error>> told;
  for (auto& end : ends) told.push_back(end.get());
  REQUIRE(waiting);
  for (size_t i = 0; i < told.size(); ++i) {
    CHECK(told[i]);
    CheckTold(Operations()[i], first + static_cast<int64_t>(i), told[i]);
  }
}

void FaultFixture::Kill(const std::string& condition) {
  Look(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
      "datname = current_database() AND pid <> pg_backend_pid() AND " +
      condition);
}

std::string FaultFixture::Look(const std::string& sql, std::vector<db::Parameter> parameters) {
  const db::Outcome outcome =
      direct->Wait({{{sql.c_str(), std::move(parameters)}}, db::After(kPatience)});
  return outcome.ok() ? outcome.results[0].Text(0, 0) : outcome.error->message;
}

}  // namespace praefect::datastore
