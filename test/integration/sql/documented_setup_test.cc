// The documentation's steps, word for word, on a PostgreSQL that demands TLS, passwords and client
// certificates: what an administrator types, with names and secrets filled in.

#include <catch2/catch.hpp>

#include "sql_commands.h"

namespace praefect::test {
namespace {

const std::string kSqlPassword = "PRAEFECT_SQL_PASSWORD";

// A server where nobody gets in without a password and a certificate, not even postgres.
class DocumentedSetup {
 public:
  DocumentedSetup() : server_(Options()) {
    server_.Psql("ALTER ROLE postgres PASSWORD 'administrator'");
  }

  // `psql -h POSTGRESQL_SERVER_ADDRESS -U user -d template1`, and what is typed then.
  Outcome Psql(const std::string& user, const std::string& password,
               const std::string& typed) const {
    WriteFile(folder_ / "typed.sql", typed);
    return test::Run({{"psql", "-X", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", user, "-d",
                       "template1", "-f", (folder_ / "typed.sql").string()},
                      {{"PGPORT", std::to_string(server_.port())},
                       {"PGPASSWORD", password},
                       {"PGSSLMODE", "verify-full"},
                       {"PGSSLROOTCERT", Authority().root().string()},
                       {"PGSSLCERT", ClientCertificate().chain.string()},
                       {"PGSSLKEY", ClientCertificate().key.string()}},
                      {},
                      {}});
  }

  // What Omnibus makes of the documented gitlab.rb.
  Ending Praefect(const std::string& command) const {
    const std::string file = folder_ / "config.toml";
    WriteFile(file,
              "listen_addr = '0.0.0.0:2305'\n"
              "[auth]\ntoken = 'PRAEFECT_EXTERNAL_TOKEN'\n"
              "[database]\nhost = '127.0.0.1'\nport = " +
                  std::to_string(server_.port()) +
                  "\n"
                  "user = 'praefect'\npassword = '" +
                  kSqlPassword +
                  "'\n"
                  "dbname = 'praefect_production'\nsslmode = ''\n"
                  "sslcert = '" +
                  ClientCertificate().chain.string() +
                  "'\n"
                  "sslkey = '" +
                  ClientCertificate().key.string() +
                  "'\n"
                  "sslrootcert = '" +
                  Authority().root().string() +
                  "'\n"
                  "[[virtual_storage]]\nname = 'praefect'\n"
                  "[[virtual_storage.node]]\nstorage = 'gitaly-1'\n"
                  "address = 'tcp://127.0.0.1:8075'\ntoken = 'PRAEFECT_INTERNAL_TOKEN'\n"
                  "primary = true\n");
    return test::Praefect({"-config", file, command});
  }

 private:
  static PostgresServerOptions Options() {
    PostgresServerOptions options = WithTls();
    options.hba =
        "local all postgres trust\n"
        "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n";
    return options;
  }

  const TemporaryDirectory folder_;
  PostgresServer server_;
};

TEST_CASE("the documented SQL, then the documented lines, work") {
  DocumentedSetup setup;
  const Outcome role = setup.Psql(
      "postgres", "administrator",
      "CREATE ROLE praefect WITH LOGIN CREATEDB PASSWORD '" + kSqlPassword + "';\n\\q\n");
  CHECK(role.output == "CREATE ROLE\n");
  const Outcome database = setup.Psql(
      "praefect", kSqlPassword, "CREATE DATABASE praefect_production WITH ENCODING=UTF8;\n\\q\n");
  CHECK(database.output == "CREATE DATABASE\n");
  CHECK(setup.Praefect("sql-ping") == Ending{0, "praefect sql-ping: OK\n", ""});
  CHECK(setup.Praefect("sql-migrate").exit_code == 0);
  CHECK(setup.Praefect("sql-migrate").output == "praefect sql-migrate: all migrations are up\n");
  CHECK(setup.Praefect("sql-migrate-status").exit_code == 0);
}

}  // namespace
}  // namespace praefect::test
