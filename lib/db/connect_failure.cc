#include "db/connect_failure.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_join.h>
#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <regex>

namespace praefect::db {
namespace {

using Keys = std::vector<std::string>;

// What a text that libpq or the server wrote means.
struct Meaning {
  std::string_view sqlstate;  // empty: any
  std::string_view text;      // in the message; empty: any
  Layer layer;
  bool passing;
  Keys keys;
  std::string_view advice;
};

// The first that fits counts. Server texts are those of PostgreSQL 9.6 to 17 and PgBouncer 1.18.
const std::vector<Meaning>& ServerMeanings() {
  static const std::vector<Meaning> meanings = {
      {"28P01",
       "",
       Layer::kAuthenticate,
       false,
       {"password", "user"},
       "check the password and the role's name; the server does not tell which is wrong"},
      {"28000",
       "no encryption",
       Layer::kAuthenticate,
       false,
       {"sslmode", "user", "dbname"},
       "the server's pg_hba.conf has no line for this role and database without TLS: use sslmode "
       "= 'require'"},
      {"28000",
       "pg_hba.conf",
       Layer::kAuthenticate,
       false,
       {"user", "dbname", "host"},
       "add a line for this host, role and database to the server's pg_hba.conf"},
      {"28000",
       "certificate",
       Layer::kAuthenticate,
       false,
       {"sslcert", "sslkey", "user"},
       "the server wants a client certificate whose common name is the role"},
      {"28", "", Layer::kAuthenticate, false, {"user"}, "create the role, or name another"},
      {"3D000",
       "",
       Layer::kDatabase,
       false,
       {"dbname"},
       "create the database (CREATE DATABASE ... WITH ENCODING=UTF8), or name another"},
      {"42501",
       "",
       Layer::kDatabase,
       false,
       {"dbname", "user"},
       "give the role the right to connect to the database"},
      {"53300", "", Layer::kConnect, true, {}, "raise max_connections of the server"},
      {"57P03", "", Layer::kConnect, true, {}, "wait until the server has started"},
      {"",
       "no such database",
       Layer::kDatabase,
       false,
       {"dbname"},
       "add the database to PgBouncer's [databases]"},
      {"",
       "no such user",
       Layer::kAuthenticate,
       false,
       {"user"},
       "add the role to PgBouncer's auth_file or auth_query"},
      {"",
       "no password supplied",
       Layer::kAuthenticate,
       false,
       {"password"},
       "set the role's password"},
      {"", "password", Layer::kAuthenticate, false, {"password", "user"}, "check the password"},
      {"",
       "SSL error",
       Layer::kTls,
       false,
       {"sslcert", "sslkey"},
       "the server refused the client certificate, or wants one"},
      {"",
       "invalid response",
       Layer::kConnect,
       false,
       {"port", "host"},
       "this is no PostgreSQL server: check the address"},
      {"",
       "expected authentication request",
       Layer::kConnect,
       false,
       {"port", "host"},
       "this is no PostgreSQL server: check the address"},
  };
  return meanings;
}

const std::vector<Meaning>& TlsMeanings() {
  static const std::vector<Meaning> meanings = {
      {"",
       "server does not support SSL",
       Layer::kTls,
       false,
       {"sslmode"},
       "switch TLS on in the server, or write sslmode = 'disable'"},
      {"",
       "invalid response to SSL",
       Layer::kConnect,
       false,
       {"port", "host"},
       "this is no PostgreSQL server: check the address"},
      {"",
       "does not match private key",
       Layer::kTls,
       false,
       {"sslkey", "sslcert"},
       "name the key that belongs to the certificate"},
      {"",
       "private key",
       Layer::kTls,
       false,
       {"sslkey"},
       "name a PEM key without pass phrase that only its owner can read (mode 0600)"},
      {"",
       "root certificate",
       Layer::kTls,
       false,
       {"sslrootcert"},
       "name the file with the certificates of the authorities that are trusted"},
      {"",
       "certificate verify failed",
       Layer::kTls,
       false,
       {"sslrootcert"},
       "name the certificate of the authority that signed the server's certificate"},
      {"",
       "does not match host name",
       Layer::kTls,
       false,
       {"host", "sslmode"},
       "use the name that stands in the server's certificate, or sslmode = 'verify-ca'"},
      {"",
       "could not read certificate file",
       Layer::kTls,
       false,
       {"sslcert"},
       "name a file with the certificate in PEM"},
      {"",
       "alert",
       Layer::kTls,
       false,
       {"sslcert", "sslkey"},
       "the server refused the client certificate, or wants one"},
      {"",
       "server closed the connection",
       Layer::kConnect,
       true,
       {"port", "host"},
       "check that this is a PostgreSQL server"},
      {"", "", Layer::kTls, false, {"sslmode", "sslrootcert", "sslcert"}, "check the TLS settings"},
  };
  return meanings;
}

Meaning Unreachable() {
  return {"",
          "",
          Layer::kConnect,
          true,
          {"host", "port"},
          "check that the server runs, its address, and what lies between"};
}

Meaning MeaningOf(Stage stage, std::string_view sqlstate, std::string_view message) {
  if (stage == Stage::kConnecting) return Unreachable();
  for (const Meaning& meaning : stage == Stage::kTls ? TlsMeanings() : ServerMeanings()) {
    if (absl::StartsWith(absl::string_view(sqlstate.data(), sqlstate.size()),
                         absl::string_view(meaning.sqlstate.data(), meaning.sqlstate.size())) &&
        message.find(meaning.text) != std::string_view::npos) {
      return meaning;
    }
  }
  return Unreachable();
}

// Without "connection to server at ... failed: ", and the hints and positions of later lines.
std::string FirstLine(std::string_view message) {
  constexpr std::string_view kPrefixEnd = " failed: ";
  const bool prefixed = message.compare(0, 14, "connection to ") == 0;
  const size_t end = prefixed ? message.find(kPrefixEnd) : std::string_view::npos;
  if (end != std::string_view::npos) message.remove_prefix(end + kPrefixEnd.size());
  return std::string(message.substr(0, message.find('\n')));
}

// "FATAL:  28000: role ..." of a verbose message.
void SplitServerError(ConnectFailure& failure) {
  static const std::regex pattern(R"(^([^\s:]+):\s+([0-9A-Z]{5}): (.*)$)");
  std::smatch match;
  const std::string line = failure.cause;
  if (!std::regex_match(line, match, pattern)) return;
  failure.severity = match[1];
  failure.sqlstate = match[2];
  failure.cause = match[3];
}

ConnectFailure WithMeaning(ConnectFailure failure, const Meaning& meaning) {
  failure.layer = meaning.layer;
  failure.passing = meaning.passing;
  failure.keys = meaning.keys;
  failure.advice = std::string(meaning.advice);
  return failure;
}

ConnectFailure BrokenSetting(std::string key, std::string cause, std::string advice) {
  ConnectFailure failure;
  failure.layer = Layer::kTls;
  failure.cause = std::move(cause);
  failure.keys = {std::move(key)};
  failure.advice = std::move(advice);
  return failure;
}

bool AtUnixSocket(const config::DatabaseEndpoint& endpoint) {
  return !endpoint.host.empty() && (endpoint.host[0] == '/' || endpoint.host[0] == '@');
}

}  // namespace

ConnectFailure Explain(Stage stage, const Place& place, std::string_view message) {
  ConnectFailure failure;
  failure.place = place;
  failure.cause = FirstLine(message);
  SplitServerError(failure);
  // A server that refuses before TLS began still says why.
  if (!failure.sqlstate.empty()) stage = Stage::kStartup;
  return WithMeaning(failure, MeaningOf(stage, failure.sqlstate, failure.cause));
}

ConnectFailure ExplainTimeout(Stage stage, const Place& place) {
  ConnectFailure failure;
  failure.place = place;
  failure.cause = stage == Stage::kConnecting ? "no connection within the time limit"
                                              : "connected, and no answer within the time limit";
  return WithMeaning(failure, Unreachable());
}

std::vector<ConnectFailure> CheckEndpoint(const config::DatabaseEndpoint& endpoint) {
  constexpr std::array kModes = {"",        "disable",   "allow",      "prefer",
                                 "require", "verify-ca", "verify-full"};
  std::vector<ConnectFailure> failures;
  if (std::find(kModes.begin(), kModes.end(), endpoint.sslmode) == kModes.end()) {
    failures.push_back(
        BrokenSetting("sslmode", fmt::format("invalid sslmode: \"{}\"", endpoint.sslmode),
                      "write disable, allow, prefer, require, verify-ca or verify-full"));
  }
  if (endpoint.sslmode == "disable" || AtUnixSocket(endpoint)) return failures;
  const auto check = [&](const char* key, const std::string& path) {
    if (path.empty() || access(path.c_str(), R_OK) == 0) return;
    failures.push_back(BrokenSetting(key, fmt::format("open {}: {}", path, strerror(errno)),
                                     "name a file that this user can read"));
  };
  check("sslrootcert", endpoint.sslrootcert);
  check("sslcert", endpoint.sslcert);
  check("sslkey", endpoint.sslkey);
  return failures;
}

const ConnectFailure& Furthest(const std::vector<ConnectFailure>& failures) {
  return *std::max_element(
      failures.begin(), failures.end(),
      [](const auto& one, const auto& other) { return one.layer < other.layer; });
}

Error ToError(const std::vector<ConnectFailure>& failures, const config::DatabaseEndpoint& endpoint,
              std::string_view section) {
  const ConnectFailure& worst = Furthest(failures);
  Error error;
  error.layer = worst.layer;
  error.sqlstate = worst.sqlstate;
  for (const std::string& key : worst.keys) {
    error.settings.push_back(fmt::format("{}.{}", section, key));
  }
  const Place& place = worst.place;
  const std::string where =
      place.host.empty() ? "" : fmt::format(" at {}:{}", place.host, place.port);
  error.message = fmt::format("connect to PostgreSQL{} (role \"{}\", database \"{}\"): {}; {}",
                              where, endpoint.user, endpoint.dbname, worst.cause, worst.advice);
  if (!error.settings.empty()) {
    error.message += fmt::format(" ({})", absl::StrJoin(error.settings, ", "));
  }
  return error;
}

}  // namespace praefect::db
