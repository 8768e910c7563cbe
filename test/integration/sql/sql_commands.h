#pragma once

// Verbs for stories about `praefect sql-...`: a PostgreSQL that wants TLS, client certificates and
// a password, and a configuration whose settings are changed one by one.

#include <map>
#include <string>
#include <vector>

#include "integration/cli/praefect_program.h"
#include "support/certificate_authority.h"
#include "support/postgres_server.h"

namespace praefect::test {

inline const std::string kPassword = "hunter2 word's \\";

// Each is started at its first use, for the whole program.
CertificateAuthority& Authority();  // of server and clients
const IssuedCertificate& ClientCertificate();
PostgresServer& TlsServer();    // role praefect, database praefect_production
PostgresServer& PlainServer();  // speaks no TLS, trusts everybody

// A server as TlsServer, with a certificate for these names (none: this host's).
PostgresServerOptions WithTls(const std::vector<std::string>& names = {});

class SqlCommands {
 public:
  // As the documentation has it, towards TlsServer.
  SqlCommands();

  // In the words of config.toml: "'require'", "5432". Empty: not there.
  void Set(const std::string& key, const std::string& value) { database_[key] = value; }
  void SetText(const std::string& key, const std::string& text) { Set(key, "'''" + text + "'''"); }
  void SetSession(const std::string& key, const std::string& value) { session_[key] = value; }
  void AddText(const std::string& text) { rest_ += text; }
  // Another server, without TLS and password.
  void UsePlain(int port, const std::string& dbname = "postgres");

  // `praefect ARGUMENTS`, to its end.
  Ending Run(std::vector<std::string> arguments) const;
  Ending Ping(std::vector<std::string> arguments = {}) const;

  const TemporaryDirectory& folder() const { return folder_; }
  std::string config_path() const { return (folder_ / "config.toml").string(); }

 private:
  const TemporaryDirectory folder_;
  std::map<std::string, std::string> database_, session_;
  std::string rest_;
};

}  // namespace praefect::test
