// What only a server does: sessions, queues, standbys.

#include "db/postgres.h"

#include <future>

#include "database_fixture.h"
#include "support/relay.h"

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

TEST_CASE("who has little to do keeps to one connection") {
  DatabaseFixture fixture;
  for (int i = 0; i < 100; ++i) REQUIRE(fixture.Value("SELECT 1") == "1");
  CHECK(fixture.counters().connects == 1);
}

TEST_CASE("connections that nobody uses are closed") {
  DatabaseFixture fixture;
  PostgresOptions options = fixture.options;
  options.max_connections = 4;
  options.max_idle = 300ms;
  fixture.Reopen(options);
  std::vector<std::future<Outcome>> busy;
  for (int i = 0; i < 4; ++i) {
    busy.push_back(std::async(std::launch::async, [&] {
      return fixture.RunSteps([&](OpenTransaction& open) -> std::optional<Error> {
        const bool all = test::Eventually([&] { return fixture.counters().connections == 4; });
        return all ? open.Execute({"SELECT 1"}).error : Error{};
      });
    }));
  }
  for (auto& each : busy) CHECK(each.get().ok());
  CHECK(test::Eventually([&] { return fixture.counters().connections == 0; }));
  CHECK(fixture.counters().idle_closed == 4);
  CHECK(fixture.Value("SELECT 1") == "1");
}

TEST_CASE("a server that is too old is refused, one that nobody maintains is warned of") {
  DatabaseFixture fixture;
  test::Relay relay(SharedServer().port());
  PostgresOptions options = fixture.options;
  options.endpoint.host = "127.0.0.1";
  options.endpoint.port = relay.port();
  options.endpoint.sslmode = "disable";
  relay.PretendVersion("15.", "9 .");
  fixture.Reopen(options);
  const Outcome refused = fixture.Run("SELECT 1");
  CHECK(refused.error->layer == Layer::kVersion);
  CHECK(refused.error->message.starts_with("postgres server version too old: 90000"));
  relay.PretendVersion("15.", "10.");
  CHECK(fixture.Value("SELECT 1") == "1");
  CHECK(fixture.log.Has("upgrade the server"));
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
