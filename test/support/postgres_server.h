#pragma once

// A PostgreSQL server of the test's own, run as user postgres on a free port of a loopback address
// and on a unix socket, with its data in a temporary folder. And Debian's PgBouncer in front of
// one.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "support/process.h"

namespace praefect::test {

// The same command as user postgres when we are root (PostgreSQL and PgBouncer refuse to run as
// root); the program is told to quit when the thread that started it ends.
std::vector<std::string> AsPostgres(std::vector<std::string> argv);

struct PostgresServerOptions {
  std::map<std::string, std::string> settings;  // of postgresql.conf, on top of our own
  std::string hba =                             // pg_hba.conf
      "local all all trust\n"
      "local replication all trust\n"
      "host all all 127.0.0.0/8 trust\n";
  std::string address = "127.0.0.1";
  std::map<std::string, std::string>
      files;  // put beside the data with mode 0600: keys, certificates
};

class PostgresServer {
 public:
  explicit PostgresServer(PostgresServerOptions options = {});
  // A streaming standby of `primary`, which must run: on the same port of 127.0.0.2.
  static std::unique_ptr<PostgresServer> StandbyOf(const PostgresServer& primary);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  int port() const { return port_; }
  const std::filesystem::path& directory() const {
    return directory_.path();
  }  // also of the socket

  // As role postgres over the unix socket; with `tcp` at its address, without TLS.
  config::DatabaseEndpoint Endpoint(const std::string& dbname = "postgres", bool tcp = false) const;
  // A new, empty database; its name.
  std::string CreateDatabase();

  // One or several statements as role postgres; rows as lines, columns separated by '|'.
  std::string Psql(const std::string& sql, const std::string& dbname = "postgres") const;

  void Start();    // returns when connections are taken
  void Stop();     // at once, connections are cut, what was committed is there
  void Promote();  // a standby
  std::string Log() const;

 private:
  PostgresServer(PostgresServerOptions options, int port, std::vector<std::string> initialise);
  void Configure() const;

  const PostgresServerOptions options_;
  const TemporaryDirectory directory_;
  int port_ = 0;
  int databases_ = 0;
  std::unique_ptr<Process> process_;
};

class PgBouncer {
 public:
  // `pool_mode`: "transaction" or "session". `settings` are lines of its [pgbouncer] section.
  explicit PgBouncer(const PostgresServer& server, const std::string& pool_mode = "transaction",
                     const std::string& settings = "");
  ~PgBouncer();

  int port() const { return port_; }
  // As role postgres, without TLS.
  config::DatabaseEndpoint Endpoint(const std::string& dbname = "postgres") const;
  void Start();
  void Stop();

 private:
  const TemporaryDirectory directory_;
  const int port_;
  std::unique_ptr<Process> process_;
};

}  // namespace praefect::test
