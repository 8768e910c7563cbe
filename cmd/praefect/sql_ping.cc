#include "sql_ping.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "db/ping.h"
#include "invocation.h"
#include "load_config.h"
#include "output.h"
#include "sql_error.h"

namespace praefect::cmd {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::hours kLongestTimeout{1};

std::string Latency(const db::PingReport& report) {
  return fmt::format("{:.1f}", std::chrono::duration<double, std::milli>(report.latency).count());
}

void PrintText(const db::PingReport& report, const config::Config& config) {
  for (const std::string& warning : report.warnings) PrintError("warning: " + warning);
  if (report.error) return PrintSqlError(report, config, "sql-ping");
  Print("praefect sql-ping: OK\n");
  // A database that sql-migrate has not seen yet is what the documentation has at this step.
  const bool notable = report.schema != db::Understanding::kTooOld;
  if (notable && !report.schema_problem.empty()) PrintError("note: " + report.schema_problem);
}

Json OrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

void PrintJson(const db::PingReport& report, const config::Config& config) {
  Json json;
  json["ok"] = !report.error;
  json["host"] = OrNull(report.place.host);
  json["port"] = report.place.port == 0 ? Json() : Json(report.place.port);
  json["server_version"] = OrNull(report.version_text);
  json["server_version_number"] = report.version == 0 ? Json() : Json(report.version);
  json["tls"] = OrNull(report.tls);
  json["user"] = OrNull(report.user);
  json["database"] = OrNull(report.database);
  json["latency_ms"] = report.user.empty() ? Json() : Json::parse(Latency(report));
  json["schema_version"] = OrNull(report.schema_version);
  json["schema_problem"] = OrNull(report.schema_problem);
  json["warnings"] = report.warnings;
  if (report.error) {
    json["error"] = {{"message", SqlErrorLine(report, config, "sql-ping")},
                     {"layer", db::LayerName(report.error->layer)},
                     {"sqlstate", OrNull(report.error->sqlstate)},
                     {"settings", report.error->settings},
                     {"to_do", OrNull(report.advice)}};
  }
  Print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

ExitCode Ping(const Invocation& invocation) {
  const auto timeout =
      std::min<std::chrono::nanoseconds>(invocation.Duration("timeout"), kLongestTimeout);
  const auto config = LoadConfig(invocation.config_path, config::Scope::kDatabase);
  if (!config) return kFailed;
  if (!config->database.configured()) {
    PrintError(
        fmt::format("sql open: no database is configured: [database] names neither host nor "
                    "dbname\n`praefect serve` keeps its books in the embedded store {}",
                    config->embedded_store.path));
    return kFailed;
  }
  const db::Deadline deadline = db::After(std::chrono::ceil<std::chrono::milliseconds>(timeout));
  const auto report = db::Ping(config->database, deadline, invocation.Has("timeout"));
  if (invocation.Text("o") == "json") {
    PrintJson(report, *config);
  } else {
    PrintText(report, *config);
  }
  return report.error ? kFailed : kDone;
}

constexpr Flag kFlags[] = {
    {"o", "text|json", "text", "How to print what is found; json: one document, nothing else"},
    {"timeout", "DURATION", "30s",
     "How long everything may take. When it is given, a database that cannot be reached yet is "
     "tried again until then"},
};

}  // namespace

const Command kSqlPing = {
    "sql-ping",
    "Look whether the database can be reached and used",
    "Looks at PostgreSQL as [database] configures it, from the outside in: name,\n"
    "connection, TLS, role and password, database, whether it takes writes, version,\n"
    "and whether LISTEN works on the session connection. For what is broken it tells\n"
    "the layer and the setting to change. Other sections of the configuration may be\n"
    "broken.\n"
    "\n"
    "Exit status: 0 when the database can be used, 1 when it cannot.",
    "praefect -config /etc/praefect/config.toml sql-ping -timeout 5s",
    &Ping,
    kFlags};

}  // namespace praefect::cmd
