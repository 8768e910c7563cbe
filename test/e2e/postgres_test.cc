// Praefect with [database]: what it does while PostgreSQL is not as it should be.

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <string.h>

#include <catch2/catch.hpp>

#include "db/migrations.h"
#include "e2e/cluster.h"
#include "grpc/health.grpc.pb.h"
#include "support/postgres_server.h"
#include "support/relay.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;
using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckResponse;

constexpr int kFailed = 1;

// One server and one Praefect; without nodes of its own until a cluster is wanted.
class WithPostgres {
 public:
  WithPostgres() { fs::create_directory(folder_ / "tmp"); }

  std::string Database() const {
    return fmt::format("host = '{}'\nport = {}\nuser = 'postgres'\ndbname = 'postgres'\n",
                       server.directory().string(), server.port());
  }
  void Migrate() const {
    WriteFile(folder_ / "database.toml", "[database]\n" + Database());
    const std::string file = folder_ / "database.toml";
    REQUIRE(Run({{PRAEFECT_PROGRAM, "-config", file, "sql-migrate"}, {}, {}, {}, {}}).exit_status ==
            0);
  }
  // As the Go Praefect has them, all but the last `missing`.
  void MigrateAsUpstream(size_t missing) const {
    server.Psql("CREATE TABLE schema_migrations (id text PRIMARY KEY, applied_at timestamptz)");
    const auto ids = db::UpstreamMigrations();
    for (const std::string_view id : ids.first(ids.size() - missing)) {
      server.Psql(fmt::format("INSERT INTO schema_migrations VALUES ('{}', now())", id));
    }
  }
  // What a Praefect prints that does not start.
  std::string Refusal() const { return RefusalOf(Database()); }
  std::string RefusalOf(const std::string& database) const {
    PraefectDaemon praefect(folder_ / "praefect",
                            "listen_addr = '127.0.0.1:0'\n[database]\n" + database +
                                "[[virtual_storage]]\nname = 'default'\n[[virtual_storage.node]]\n"
                                "storage = 'gitaly-1'\naddress = 'tcp://127.0.0.1:1'\n");
    CHECK(praefect.WaitExit() == kFailed);
    return praefect.output();
  }

  Cluster& Serve(ClusterSetup setup = {}) {
    setup.database = Database();
    return cluster_.emplace(setup);
  }
  // Whether the page begins so, within some time; whether it has a text somewhere.
  bool Becomes(const std::string& page, const std::string& begin) {
    return Eventually([&] { return cluster_->praefect().Page(page).starts_with(begin); });
  }
  bool Shows(const std::string& page, const std::string& text) {
    return Eventually(
        [&] { return cluster_->praefect().Page(page).find(text) != std::string::npos; });
  }
  // What health of gRPC answers.
  bool HealthServes() {
    const std::string address = cluster_->praefect().address().substr(strlen("tcp://"));
    const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
    grpc::ClientContext context;
    HealthCheckResponse response;
    REQUIRE(Health::NewStub(channel)->Check(&context, {}, &response).ok());
    return response.status() == HealthCheckResponse::SERVING;
  }

 private:
  const TemporaryDirectory folder_;

 public:
  PostgresServer server;

 private:
  std::optional<Cluster> cluster_;
};

TEST_CASE_METHOD(WithPostgres, "a schema that was never made is refused with the command") {
  CHECK_THAT(Refusal(), Catch::Contains("run `praefect -config FILE sql-migrate`"));
  Migrate();
  Serve().praefect().WaitLog("the database can be used");
  CHECK(Becomes("/readyz", "ready\n"));
}

TEST_CASE_METHOD(WithPostgres,
                 "a schema with migrations of a newer Praefect is used, with a warning") {
  Migrate();
  server.Psql("INSERT INTO schema_migrations VALUES ('29990101000000_more', now())");
  Serve().praefect().WaitLog(
      "the database has migrations of a newer Praefect, 29990101000000_more for instance: upgrade "
      "this one soon");
}

TEST_CASE_METHOD(WithPostgres, "a schema that we would break is refused") {
  Migrate();
  server.Psql("INSERT INTO schema_minimum_readers VALUES ('29990101000000_other')");
  CHECK_THAT(Refusal(), Catch::Contains("29990101000000_other: upgrade this Praefect"));
}

TEST_CASE_METHOD(WithPostgres, "the schema of the Go Praefect is refused with what to do") {
  MigrateAsUpstream(0);
  CHECK_THAT(Refusal(), Catch::Contains("made by the Go Praefect 18.9") &&
                            Catch::Contains("run `praefect -config FILE sql-migrate`"));
  server.Psql("DELETE FROM schema_migrations WHERE id = (SELECT max(id) FROM schema_migrations)");
  CHECK_THAT(Refusal(), Catch::Contains("upgrade GitLab to 18.9 first"));
}

TEST_CASE_METHOD(WithPostgres, "a PostgreSQL that is too old is refused, as sql-ping does") {
  Relay relay(server.port());
  relay.PretendVersion("15.", "9 .");
  const std::string through = fmt::format(
      "host = '127.0.0.1'\nport = {}\nuser = 'postgres'\ndbname = 'postgres'\n"
      "sslmode = 'disable'\n",
      relay.port());
  CHECK_THAT(RefusalOf(through), Catch::Contains("postgres server version too old: 90000"));
}

TEST_CASE_METHOD(WithPostgres, "a database that is down at start is waited for") {
  Migrate();
  server.Stop();
  Serve();
  CHECK(Shows("/readyz?verbose", "[-] database: "));
  CHECK_FALSE(HealthServes());
  server.Start();
  CHECK(Becomes("/readyz?verbose", "ready\n[+] stopping\n[+] database\n"));
  CHECK(HealthServes());
}

TEST_CASE_METHOD(WithPostgres, "a schema that turns out to be too old keeps it not ready") {
  server.Stop();
  Cluster& cluster = Serve();
  server.Start();
  CHECK(Shows("/readyz?verbose", "[-] database: the database's schema is older"));
  cluster.praefect().WaitLog("the database must not be used");
  Migrate();
  CHECK(Shows("/readyz?verbose", "[+] database"));
  CHECK(cluster.TryClone("a.git").exit_status != 0);
}

TEST_CASE_METHOD(WithPostgres,
                 "without the database it stays ready for reads, and is not for writes") {
  Migrate();
  Cluster& cluster = Serve(OneNode());  // no copy changes the books behind the push
  cluster.CreateWithCommit("a.git");
  CHECK(Becomes("/readyz?for=write", "ready\n"));
  REQUIRE(Eventually([&] {  // where it is read is known without a question
    const auto asked = [&] {
      return cluster.praefect().Metric("gitaly_praefect_uptodate_storages_cache_access_total",
                                       {"type=\"populate\""});
    };
    const double before = asked();
    return cluster.TryClone("a.git").exit_status == 0 && asked() == before;
  }));
  server.Stop();
  CHECK(Becomes("/readyz?for=write", "not ready\n"));
  CHECK_THAT(cluster.praefect().Page("/readyz?verbose"), Catch::Contains("(ready all the same)"));
  CHECK(cluster.praefect().Metric("gitaly_praefect_database_reachable") == 0);
  CHECK(HealthServes());
  CHECK(cluster.TryClone("a.git").exit_status == 0);
  server.Start();
  CHECK(Becomes("/readyz?for=write&verbose", "ready\n[+] stopping\n[+] database\n"));
  CHECK(cluster.praefect().Metric("gitaly_praefect_database_reachable") == 1);
}

TEST_CASE_METHOD(WithPostgres, "who keeps the books is ready for writes while it can beat") {
  Migrate();
  ClusterSetup setup;
  setup.replication = "beat_interval = '100ms'\nsend_window = '900ms'\n";
  Cluster& cluster = Serve(setup);
  CHECK(Becomes("/readyz?for=write", "ready\n"));
  server.Psql("UPDATE instances SET buried = true");
  cluster.praefect().WaitLog(
      "this Praefect starts over as another instance: calls that may write "
      "are cancelled");
  CHECK(Becomes("/readyz?for=write", "ready\n"));
  server.Stop();
  CHECK(Shows("/readyz?for=write&verbose", "[-] recording: the database does not confirm"));
  server.Start();
  CHECK(Becomes("/readyz?for=write", "ready\n"));
  CHECK(cluster.praefect().Metric("gitaly_praefect_instance_disowned_total") == 1);
}

TEST_CASE_METHOD(WithPostgres, "a database that takes no writes any more is noticed") {
  Migrate();
  Serve();
  CHECK(Becomes("/readyz?for=write", "ready\n"));
  server.Psql("ALTER SYSTEM SET default_transaction_read_only = on");
  server.Psql("SELECT pg_reload_conf()");
  CHECK(Becomes("/readyz?for=write", "not ready\n"));
  CHECK(Becomes("/readyz", "ready\n"));
  server.Psql("ALTER SYSTEM SET default_transaction_read_only = off");
  server.Psql("SELECT pg_reload_conf()");
  CHECK(Becomes("/readyz?for=write", "ready\n"));
}

TEST_CASE_METHOD(WithPostgres, "a schema that is rolled back under way is noticed") {
  Migrate();
  Serve();
  CHECK(Becomes("/readyz?for=write", "ready\n"));
  server.Psql("DELETE FROM schema_migrations");
  CHECK(Shows("/readyz?for=write&verbose", "[-] database: the database's schema is older"));
  CHECK(Becomes("/readyz", "ready\n"));
}

}  // namespace
}  // namespace praefect::test
