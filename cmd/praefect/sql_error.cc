#include "sql_error.h"

#include <absl/strings/ascii.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "output.h"

namespace praefect::cmd {
namespace {

std::string LowerFirst(std::string text) {
  if (!text.empty()) text[0] = absl::ascii_tolower(static_cast<unsigned char>(text[0]));
  return text;
}

// One attempt as the Go driver tells it.
std::string InGoWords(const db::ConnectFailure& failure) {
  const db::Place& place = failure.place;
  if (failure.layer == db::Layer::kResolve) {
    return "hostname resolving error: " + failure.cause;
  }
  const bool unix_socket = place.address.empty();
  const bool six = place.address.find(':') != std::string::npos;
  const std::string address = six ? fmt::format("[{}]", place.address) : place.address;
  const std::string where = unix_socket ? fmt::format("{}/.s.PGSQL.{}", place.host, place.port)
                                        : fmt::format("{}:{}", address, place.port);
  const std::string prefix = fmt::format("{} ({}): ", where, place.host);
  if (!failure.sqlstate.empty() && !failure.severity.empty()) {
    return fmt::format("{}{}: {}: {} (SQLSTATE {})", prefix,
                       failure.sqlstate == "28P01" ? "failed SASL auth" : "server error",
                       failure.severity, failure.cause, failure.sqlstate);
  }
  if (failure.layer == db::Layer::kTls) {
    const bool refused = failure.cause.find("does not support SSL") != std::string::npos;
    return prefix + "tls error: " + (refused ? "server refused TLS connection" : failure.cause);
  }
  if (failure.layer != db::Layer::kConnect) return prefix + "server error: " + failure.cause;
  return fmt::format("{}dial error: dial {} {}: connect: {}", prefix, unix_socket ? "unix" : "tcp",
                     where, LowerFirst(failure.cause));
}

// Where the error belongs to: LISTEN may go elsewhere.
const config::DatabaseEndpoint& EndpointOf(const db::PingReport& report,
                                           const config::Database& database) {
  const auto& settings = report.error->settings;
  const bool session = !settings.empty() && settings.front().rfind("database.session", 0) == 0;
  return session ? database.session : database.pooled;
}

}  // namespace

std::string SqlErrorLine(const db::PingReport& report, const config::Config& config,
                         std::string_view command) {
  const bool never_connected = report.place.port == 0;
  if (report.failures.empty() || !never_connected || report.error->layer == db::Layer::kReadOnly) {
    return fmt::format("praefect {}: fail: {}", command, report.error->message);
  }
  std::string attempts;
  for (const db::ConnectFailure& failure : report.failures) {
    attempts += (report.failures.size() == 1 ? " " : "\n\t") + InGoWords(failure);
  }
  const auto& endpoint = EndpointOf(report, config.database);
  return fmt::format("sql open: send ping: failed to connect to `user={} database={}`:{}",
                     endpoint.user, endpoint.dbname, attempts);
}

void PrintSqlError(const db::PingReport& report, const config::Config& config,
                   std::string_view command) {
  PrintError(SqlErrorLine(report, config, command));
  PrintError(fmt::format("first broken layer: {}", db::LayerName(report.error->layer)));
  if (!report.error->settings.empty()) {
    PrintError(
        fmt::format("look at: {} in {}", fmt::join(report.error->settings, ", "), config.path));
  }
  if (!report.advice.empty()) PrintError("to do: " + report.advice);
}

}  // namespace praefect::cmd
