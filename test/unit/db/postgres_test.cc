// What only a server does: sessions, queues, standbys.

#include "db/postgres.h"

#include <future>

#include "database_fixture.h"

namespace praefect::db {
namespace {

using namespace std::chrono_literals;

TEST_CASE("nothing is left in a session") {
  DatabaseFixture fixture;
  PostgresOptions options = fixture.options;
  options.max_connections = 1;
  fixture.Reopen(options);
  fixture.database->Wait({{{"SELECT 1"}}, After(7s)});
  fixture.RunSteps([](OpenTransaction& open) { return open.Execute({"SELECT 1"}).error; });
  CHECK(SharedServer().Psql("SELECT state FROM pg_stat_activity WHERE application_name = "
                            "'praefect' AND datname = '" +
                            options.endpoint.dbname + "'") == "idle\n");
  CHECK(fixture.Value("SELECT count(*) FROM pg_prepared_statements") == "0");
}

TEST_CASE("what waits is bounded in number and in time") {
  DatabaseFixture fixture;
  PostgresOptions options = fixture.options;
  options.max_connections = 1;
  options.max_waiting = 1;
  fixture.Reopen(options);
  std::promise<void> begun, release;
  auto busy = std::async([&] {
    return fixture.RunSteps([&](OpenTransaction&) -> std::optional<Error> {
      begun.set_value();
      release.get_future().wait();
      return std::nullopt;
    });
  });
  begun.get_future().wait();
  auto waiting = std::async([&] { return fixture.database->Wait({{{"SELECT 1"}}, After(2s)}); });
  REQUIRE(test::Eventually([&] { return fixture.counters().waiting == 1; }));
  CHECK(fixture.Run("SELECT 1").error->layer == Layer::kPool);
  CHECK(waiting.get().error->layer == Layer::kPool);
  release.set_value();
  CHECK(busy.get().ok());
  CHECK(fixture.counters().pool_full == 1);
  CHECK(fixture.counters().pool_expired == 1);
}

TEST_CASE("a commit that no standby confirmed may be applied, and is not reported as done") {
  test::PostgresServerOptions lonely;
  lonely.settings = {{"synchronous_standby_names", "nobody"}};
  test::PostgresServer server(lonely);
  LogOfTest log;
  PostgresOptions options;
  options.endpoint = server.Endpoint();
  const auto database = OpenPostgres(options, log);
  const Outcome outcome = database->Wait({{{"CREATE TABLE t (i int)"}}, After(2s)});
  REQUIRE(outcome.error);
  CHECK(outcome.error->layer == Layer::kTimeout);
  CHECK(outcome.error->may_be_applied);
  CHECK(database->counters().unknown == 1);
}

}  // namespace
}  // namespace praefect::db
