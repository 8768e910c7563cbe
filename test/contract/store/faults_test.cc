// No statement is lost or applied twice unnoticed, whatever becomes of the database meanwhile.

#include <future>

#include "fault_fixture.h"

namespace praefect::datastore {
namespace {

using namespace std::chrono_literals;

TEST_CASE("wherever the network is cut, an operation tells what became of it") {
  FaultFixture fixture;
  fixture.OpenThroughRelay();
  test::Relay& relay = *fixture.relay;
  fixture.MakeSubjects(1'000);
  for (const Operation& operation : Operations()) {
    fixture.Heal();
    relay.Record();
    REQUIRE_FALSE(fixture.Run(operation, fixture.NextSubject()));
    fixture.unknown = 0;
    for (const bool to_server : {true, false}) {
      for (const size_t end : relay.EndsOfStatements(to_server)) {
        fixture.Heal();
        relay.CutAfter(to_server ? end : relay.kNever, to_server ? relay.kNever : end);
        const int64_t n = fixture.NextSubject();
        fixture.CheckTold(operation, n, fixture.Run(operation, n));
      }
      fixture.Heal();
      relay.Record();
      REQUIRE_FALSE(fixture.Run(operation, fixture.NextSubject()));
    }
    INFO(operation.name);
    CHECK(fixture.unknown > 0);
  }
}

TEST_CASE("connections that are killed while they are idle cost nothing") {
  FaultFixture fixture;
  fixture.MakeSubjects(20);
  for (const Operation& operation : Operations()) {
    fixture.KillAll();
    const int64_t n = fixture.NextSubject();
    fixture.CheckTold(operation, n, fixture.Run(operation, n));
  }
}

TEST_CASE("connections that are killed in a statement tell so") {
  FaultFixture fixture;
  db::PostgresOptions options = fixture.options;
  options.max_connections = Operations().size();
  fixture.Open(options);
  fixture.InTheMiddleOfAll([&] {
    fixture.KillWhoWaits();
    fixture.KillHolder();
  });
}

TEST_CASE("a connection that is killed between lock and save leaves nothing") {
  FaultFixture fixture;
  fixture.MakeSubjects(1);
  const int64_t n = fixture.NextSubject();
  const Rule promote = PromoteTo("b", false);
  std::promise<std::optional<db::Error>> told;
  fixture.store->Change(
      n,
      [&](Repository& repository) {
        fixture.KillAll();
        return promote(repository);
      },
      db::Soon(), [&](auto result) { told.set_value(result.error); });
  const auto error = told.get_future().get();
  REQUIRE(error);
  CHECK_FALSE(error->may_be_applied);
  fixture.CheckTold(Operations().back(), n, error);
}

TEST_CASE("a restart of the database loses and repeats nothing unnoticed") {
  test::PostgresServer server;
  FaultFixture fixture(server);
  db::PostgresOptions options = fixture.options;
  options.max_connections = Operations().size();
  fixture.Open(options);
  fixture.InTheMiddleOfAll([&] {
    server.Stop();
    server.Start();
  });
  fixture.MakeSubjects(20);
  for (const Operation& operation : Operations()) {
    const int64_t n = fixture.NextSubject();
    const auto told = fixture.Run(operation, n);
    CHECK_FALSE(told);
    fixture.CheckTold(operation, n, told);
  }
}

TEST_CASE("a promoted standby goes on where the primary ended") {
  test::PostgresServer primary;
  FaultFixture fixture(primary);
  const auto standby = test::PostgresServer::StandbyOf(primary);
  primary.Psql("ALTER SYSTEM SET synchronous_standby_names = '*'");
  primary.Psql("SELECT pg_reload_conf()");
  db::PostgresOptions both = fixture.options;
  both.max_connections = Operations().size();
  both.endpoint.host = "127.0.0.1, 127.0.0.2";
  both.endpoint.sslmode = "disable";
  fixture.direct = db::OpenPostgres(both, fixture.log);
  fixture.Open(both);
  fixture.InTheMiddleOfAll([&] {
    primary.Stop();
    standby->Promote();
  });
}

}  // namespace
}  // namespace praefect::datastore
