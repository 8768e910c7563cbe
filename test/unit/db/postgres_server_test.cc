#include "support/postgres_server.h"

#include <catch2/catch.hpp>

namespace praefect::test {
namespace {

// What other tests rely on.
TEST_CASE("a server of the test's own takes statements, stops, starts and is promoted") {
  PostgresServer primary;
  primary.Psql("CREATE TABLE t (i int); INSERT INTO t VALUES (7)");
  const auto standby = PostgresServer::StandbyOf(primary);
  CHECK(standby->Psql("SELECT pg_is_in_recovery()") == "t\n");
  primary.Stop();
  standby->Promote();
  CHECK(Eventually([&] { return standby->Psql("SELECT pg_is_in_recovery()") == "f\n"; }));
  primary.Start();
  CHECK(primary.Psql("SELECT i FROM t") == "7\n");
}

}  // namespace
}  // namespace praefect::test
