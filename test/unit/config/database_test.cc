// [database] and [embedded_store].

#include <catch2/catch.hpp>
#include <cstdlib>

#include "config/database_rules.h"
#include "support/process.h"
#include "unit/config/loading.h"

namespace praefect::config {
namespace {

Database LoadDatabase(const std::string& lines) {
  const auto result = LoadWithTables("[database]\n" + lines);
  INFO(Printed(result));
  REQUIRE(result.config);
  return result.config->database;
}

std::string Secret(const test::TemporaryDirectory& folder, const std::string& text) {
  test::WriteFile(folder / text, text + "\n");
  std::filesystem::permissions(folder / text, std::filesystem::perms::owner_read);
  return folder / text;
}

}  // namespace

TEST_CASE("every setting of a connection is read") {
  const Database database = LoadDatabase(
      "host='h'\nport=5433\nuser='u'\npassword='p'\ndbname='d'\nsslmode='verify-full'\n"
      "sslcert='c'\nsslkey='k'\nsslrootcert='r'\n");
  const DatabaseEndpoint expected{"h", 5433, "u", "p", "d", "verify-full", "c", "k", "r"};
  CHECK(database.pooled == expected);
  CHECK(database.session == expected);
}

TEST_CASE("the session connection has what it is given, and the rest of the other") {
  const Database database = LoadDatabase(
      "host='pool'\nport=6432\nuser='u'\npassword='p'\n"
      "[database.session_pooled]\nhost='direct'\nport=5432\npassword='q'\nsslmode='disable'\n");
  const DatabaseEndpoint expected{"direct", 5432, "u", "q", "", "disable", "", "", ""};
  CHECK(database.session == expected);
  CHECK(database.pooled.password == "p");
}

TEST_CASE("the older keys of the session connection are taken, with a warning") {
  const std::string older = "[database]\nhost='pool'\nhost_no_proxy='direct'\nport_no_proxy=5432\n";
  const auto result = LoadWithTables(older);
  CHECK(result.config->database.session.host == "direct");
  CHECK(result.config->database.session.port == 5432);
  CHECK(WarningAt(result, "database.host_no_proxy") == "an older spelling");
  const auto both = LoadWithTables(older + "[database.session_pooled]\nhost='newer'\n");
  CHECK(both.config->database.session.host == "newer");
  CHECK(both.config->database.session.port == 5432);
}

TEST_CASE("a secret of the session connection replaces the inherited one, whatever its source") {
  const test::TemporaryDirectory folder;
  const std::string first = "password_file='" + Secret(folder, "first") + "'\n";
  const std::string second = "password_file='" + Secret(folder, "second") + "'\n";
  const std::string session = "[database.session_pooled]\n";
  CHECK(LoadDatabase("password='x'\n" + session + second).session.password == "second");
  CHECK(LoadDatabase(first + session + "password='y'\n").session.password == "y");
  const Database database = LoadDatabase(first + session + second);
  CHECK(database.pooled.password == "first");
  CHECK(database.session.password == "second");
  CHECK(LoadDatabase(first + session).session.password == "first");
}

TEST_CASE("an sslmode must be one of libpq's") {
  const auto result = LoadWithTables("[database]\nsslmode = 'false'\n");
  CHECK(ErrorAt(result, "database.sslmode") == "not supported: \"false\"");
  CHECK(result.errors.size() == 1);
  CHECK(LoadDatabase("sslmode = ''\n").pooled.sslmode.empty());
  CHECK(ErrorAt(LoadWithTables("[database.session_pooled]\nsslmode = 'on'\n"),
                "database.session_pooled.sslmode") == "not supported: \"on\"");
}

TEST_CASE("without host and dbname there is no database") {
  CHECK_FALSE(LoadDatabase("port = 5432\nuser = 'u'\n").configured());
  CHECK(LoadDatabase("dbname = 'd'\n").configured());
}

TEST_CASE("the embedded store stands beside the configuration, or in the state directory") {
  CHECK(EmbeddedStorePath("", "/etc/p/config.toml", "") == "/etc/p/praefect.db");
  CHECK(EmbeddedStorePath("", "config.toml", "") == "praefect.db");
  CHECK(EmbeddedStorePath("", "/etc/p/config.toml", "/var/lib/p") == "/var/lib/p/praefect.db");
  CHECK(EmbeddedStorePath("", "/etc/p/config.toml", "/var/a:/var/b") == "/var/a/praefect.db");
  CHECK(EmbeddedStorePath("x.db", "/etc/p/config.toml", "/var/lib/p") == "/etc/p/x.db");
  CHECK(EmbeddedStorePath("/x.db", "/etc/p/config.toml", "/var/lib/p") == "/x.db");
}

TEST_CASE("the path of the embedded store is read") {
  const auto result = LoadText(std::string(kServing) + "[embedded_store]\npath = 'books.db'\n",
                               "/etc/praefect/config.toml");
  CHECK(result.config->embedded_store.path == "/etc/praefect/books.db");
  CHECK(result.warnings.empty());
}

}  // namespace praefect::config
