#include "sql_commands.h"

namespace praefect::test {
namespace {

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '\'' ? "''" : std::string(1, c);
  return escaped;
}

}  // namespace

CertificateAuthority& Authority() {
  static CertificateAuthority authority;
  return authority;
}

PostgresServerOptions WithTls(const std::vector<std::string>& names) {
  CertificateWish wish;
  if (!names.empty()) wish.names = names;
  const IssuedCertificate server = Authority().Issue(wish);
  PostgresServerOptions options;
  options.settings = {{"ssl", "on"},
                      {"ssl_cert_file", "server.pem"},
                      {"ssl_key_file", "server.key"},
                      {"ssl_ca_file", "root.pem"}};
  options.files = {{"server.pem", ReadFile(server.chain)},
                   {"server.key", ReadFile(server.key)},
                   {"root.pem", ReadFile(Authority().root())}};
  options.hba =
      "local all all trust\n"
      "hostssl all all all scram-sha-256 clientcert=verify-ca\n";
  return options;
}

const IssuedCertificate& ClientCertificate() {
  static const IssuedCertificate certificate = Authority().Issue();
  return certificate;
}

PostgresServer& TlsServer() {
  static PostgresServer server(WithTls());
  static const bool prepared = [] {
    server.Psql("CREATE ROLE praefect WITH LOGIN CREATEDB PASSWORD '" + Escaped(kPassword) + "'");
    server.Psql("CREATE DATABASE praefect_production OWNER praefect");
    return true;
  }();
  static_cast<void>(prepared);
  return server;
}

PostgresServer& PlainServer() {
  static PostgresServer server;
  return server;
}

SqlCommands::SqlCommands() {
  SetText("host", "127.0.0.1");
  Set("port", std::to_string(TlsServer().port()));
  SetText("user", "praefect");
  SetText("password", kPassword);
  SetText("dbname", "praefect_production");
  SetText("sslcert", ClientCertificate().chain.string());
  SetText("sslkey", ClientCertificate().key.string());
  SetText("sslrootcert", Authority().root().string());
}

void SqlCommands::UsePlain(int port, const std::string& dbname) {
  database_.clear();
  SetText("host", "127.0.0.1");
  Set("port", std::to_string(port));
  SetText("user", "postgres");
  SetText("dbname", dbname);
  SetText("sslmode", "disable");
}

Ending SqlCommands::Run(std::vector<std::string> arguments) const {
  std::string config = rest_ + "[database]\n";
  for (const auto& [key, value] : database_) {
    if (!value.empty()) config += key + " = " + value + "\n";
  }
  if (!session_.empty()) config += "[database.session_pooled]\n";
  for (const auto& [key, value] : session_) config += key + " = " + value + "\n";
  WriteFile(config_path(), config);
  arguments.insert(arguments.begin(), {"-config", config_path()});
  return Praefect(arguments);
}

Ending SqlCommands::Ping(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "sql-ping");
  return Run(arguments);
}

}  // namespace praefect::test
