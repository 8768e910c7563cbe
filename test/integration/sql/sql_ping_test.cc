#include <catch2/catch.hpp>
#include <future>
#include <nlohmann/json.hpp>

#include "sql_commands.h"
#include "support/free_port.h"

namespace praefect::test {
namespace {

using Json = nlohmann::json;

// The settings that an answer names.
std::vector<std::string> SettingsOf(const Ending& ending) {
  const Json json = Json::parse(ending.output);
  return json.at("error").at("settings").get<std::vector<std::string>>();
}

TEST_CASE("a database that is configured as documented is fine") {
  SqlCommands commands;
  CHECK(commands.Ping() == Ending{0, "praefect sql-ping: OK\n", ""});
}

TEST_CASE("what was found can be read by programs") {
  SqlCommands commands;
  const Ending ending = commands.Ping({"-o", "json"});
  const Json json = Json::parse(ending.output);
  CHECK(json["ok"] == true);
  CHECK(json["user"] == "praefect");
  CHECK(json["database"] == "praefect_production");
  CHECK(json["tls"] == "TLSv1.3");
  CHECK(json["server_version_number"] >= 150000);
  CHECK(json["latency_ms"] > 0);
}

TEST_CASE("other sections may be broken") {
  SqlCommands commands;
  commands.AddText("[[virtual_storage]]\nname = ''\n[logging]\nformat = 'nonsense'\n");
  CHECK(commands.Ping().exit_code == 0);
}

struct Mistake {
  std::string key;
  std::string value;
  std::string layer;
};

TEST_CASE("each wrong setting is named, with its layer") {
  const IssuedCertificate stranger = CertificateAuthority("Stranger").Issue();
  static CertificateAuthority other("Other");
  const IssuedCertificate others = other.Issue();
  const auto mistake = GENERATE_COPY(
      Mistake{"host", "nosuch.invalid", "resolve"}, Mistake{"user", "nobody", "authenticate"},
      Mistake{"password", "wrong", "authenticate"}, Mistake{"dbname", "absent", "database"},
      Mistake{"sslmode", "disable", "authenticate"}, Mistake{"sslcert", "/nonexistent", "tls"},
      Mistake{"sslkey", "/nonexistent", "tls"}, Mistake{"sslrootcert", "/nonexistent", "tls"},
      Mistake{"sslrootcert", other.root().string(), "tls"},
      Mistake{"sslkey", others.key.string(), "tls"});
  SqlCommands commands;
  commands.SetText(mistake.key, mistake.value);
  const Ending ending = commands.Ping({"-o", "json"});
  INFO(ending);
  CHECK(ending.exit_code == 1);
  const auto settings = SettingsOf(ending);
  CHECK(std::find(settings.begin(), settings.end(), "database." + mistake.key) != settings.end());
  CHECK(Json::parse(ending.output)["error"]["layer"] == mistake.layer);
  CHECK_FALSE(Mentions(ending.output + ending.error, kPassword));
}

TEST_CASE("a client certificate of an authority that the server does not trust is named") {
  static CertificateAuthority other("Other");
  const IssuedCertificate others = other.Issue();
  SqlCommands commands;
  commands.SetText("sslcert", others.chain.string());
  commands.SetText("sslkey", others.key.string());
  const Ending ending = commands.Ping({"-o", "json"});
  INFO(ending);
  CHECK(SettingsOf(ending).front() == "database.sslcert");
}

TEST_CASE("a missing client certificate is named") {
  SqlCommands commands;
  commands.Set("sslcert", "");
  commands.Set("sslkey", "");
  const Ending ending = commands.Ping({"-o", "json"});
  INFO(ending);
  CHECK(SettingsOf(ending).front() == "database.sslcert");
}

TEST_CASE("a certificate for another name is named") {
  PostgresServer elsewhere(WithTls({"DNS:elsewhere.example.com"}));
  SqlCommands commands;
  commands.SetText("sslmode", "verify-full");
  CHECK(commands.Ping().exit_code == 0);
  commands.Set("port", std::to_string(elsewhere.port()));
  const Ending ending = commands.Ping({"-o", "json"});
  INFO(ending);
  CHECK(SettingsOf(ending).front() == "database.host");
}

TEST_CASE("a closed port gets upstream's first line at once") {
  SqlCommands commands;
  const std::string port = std::to_string(FreePort());
  commands.Set("port", port);
  const Ending ending = commands.Ping();
  CHECK(ending.exit_code == 1);
  CHECK(ending.output == "");
  CHECK(FirstLine(ending.error) ==
        "sql open: send ping: failed to connect to `user=praefect database=praefect_production`: "
        "127.0.0.1:" +
            port + " (127.0.0.1): dial error: dial tcp 127.0.0.1:" + port +
            ": connect: connection refused");
  CHECK(Mentions(ending.error, "database.host, database.port"));
}

TEST_CASE("what the server says is told in upstream's first line") {
  SqlCommands commands;
  commands.UsePlain(PlainServer().port(), "absent");
  const std::string where = "127.0.0.1:" + std::to_string(PlainServer().port()) + " (127.0.0.1)";
  CHECK(FirstLine(commands.Ping().error) ==
        "sql open: send ping: failed to connect to `user=postgres database=absent`: " + where +
            ": server error: FATAL: database \"absent\" does not exist (SQLSTATE 3D000)");
  commands.SetText("user", "nobody");
  CHECK(FirstLine(commands.Ping().error) ==
        "sql open: send ping: failed to connect to `user=nobody database=absent`: " + where +
            ": server error: FATAL: role \"nobody\" does not exist (SQLSTATE 28000)");
}

TEST_CASE("without sslmode, TLS is required; on a unix socket it is not") {
  SqlCommands commands;
  commands.UsePlain(PlainServer().port());
  commands.Set("sslmode", "");
  const Ending ending = commands.Ping();
  CHECK(Mentions(FirstLine(ending.error), "tls error: server refused TLS connection"));
  CHECK(Mentions(ending.error, "database.sslmode"));
  commands.SetText("host", PlainServer().directory().string());
  CHECK(commands.Ping().exit_code == 0);
}

TEST_CASE("something else than PostgreSQL at the address is told") {
  SqlCommands commands;
  Process other({{"python3", "-uc",
                  "import socket\n"
                  "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])\n"
                  "while True:\n"
                  "  c, _ = s.accept(); c.recv(100); c.sendall(b'HTTP/1.1 400 Bad\\r\\n\\r\\n'); "
                  "c.close()"}});
  commands.Set("port", other.ReadLine().value_or(""));
  const Ending ending = commands.Ping({"-o", "json"});
  INFO(ending);
  CHECK(SettingsOf(ending).front() == "database.port");
}

TEST_CASE("a server that says nothing costs no more than -timeout") {
  Process silent({{"python3", "-uc",
                   "import socket, time\n"
                   "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])\n"
                   "time.sleep(100)"}});
  SqlCommands commands;
  commands.Set("port", silent.ReadLine().value_or(""));
  const Ending ending = commands.Ping({"-timeout", "500ms"});
  CHECK(ending.exit_code == 1);
  CHECK(Mentions(ending.error, "no answer within the time limit"));
}

TEST_CASE("with -timeout a database that starts late is waited for") {
  PostgresServer server;
  server.Stop();
  SqlCommands commands;
  commands.UsePlain(server.port());
  auto ending = std::async([&] { return commands.Ping({"-timeout", "20s"}); });
  server.Start();
  CHECK(ending.get() == Ending{0, "praefect sql-ping: OK\n", ""});
}

TEST_CASE("a standby is told; with its primary beside it, that is used") {
  PostgresServer primary;
  const auto standby = PostgresServer::StandbyOf(primary);
  SqlCommands commands;
  commands.UsePlain(standby->port());
  commands.SetText("host", "127.0.0.2");
  const Ending ending = commands.Ping();
  CHECK(ending.exit_code == 1);
  CHECK(Mentions(ending.error, "first broken layer: read-only"));
  commands.SetText("host", "127.0.0.2,127.0.0.1");
  CHECK(commands.Ping() == Ending{0, "praefect sql-ping: OK\n", ""});
}

TEST_CASE("LISTEN through a pool of transactions is told") {
  PgBouncer bouncer(PlainServer());
  SqlCommands commands;
  commands.UsePlain(bouncer.port());
  const Ending ending = commands.Ping();
  CHECK(ending.exit_code == 1);
  CHECK(Mentions(ending.error, "first broken layer: listen"));
  commands.SetSession("port", std::to_string(PlainServer().port()));
  CHECK(commands.Ping().exit_code == 0);
}

TEST_CASE("a session address that is wrong is told as such") {
  SqlCommands commands;
  commands.UsePlain(PlainServer().port());
  commands.SetSession("dbname", "'absent'");
  const Ending ending = commands.Ping();
  CHECK(ending.exit_code == 1);
  CHECK(Mentions(ending.error, "database.session_pooled.dbname"));
}

TEST_CASE("without a database there is nothing to ping") {
  SqlCommands commands;
  commands.Set("host", "");
  commands.Set("dbname", "");
  const Ending ending = commands.Ping();
  CHECK(ending.exit_code == 1);
  CHECK(Mentions(ending.error, "embedded store"));
}

}  // namespace
}  // namespace praefect::test
