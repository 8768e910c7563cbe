#include "status_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "message_json.h"
#include "output.h"
#include "server.h"

namespace praefect::cmd {
namespace {

using Json = nlohmann::ordered_json;
using Row = std::vector<std::string>;

constexpr size_t kLabel = 9;  // as wide as "WARNING  "

std::string Plural(int64_t count, std::string_view one, std::string_view more) {
  return fmt::format("{} {}", count, count == 1 ? one : more);
}

// "45 s", "12 min", "3 h 5 min", "2 d 4 h"
std::string Age(int64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  const int64_t minutes = seconds / 60, hours = minutes / 60;
  if (hours == 0) return fmt::format("{} min", minutes);
  if (hours < 24) return fmt::format("{} h {} min", hours, minutes % 60);
  return fmt::format("{} d {} h", hours / 24, hours % 24);
}

// Columns two blanks apart; the last one as long as it is.
std::string Table(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("  {:<{}}", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string Explained(std::string_view label, const std::string& text, size_t indent) {
  if (text.empty()) return "";
  const std::string start = fmt::format("{:{}}{}", "", indent, label);
  return start + Wrapped(Printable(text), start.size()) + "\n";
}

std::string Headline(const api::StatusResponse& status) {
  if (status.findings().empty()) return "Nothing is wrong.\n";
  const auto errors =
      std::count_if(status.findings().begin(), status.findings().end(),
                    [](const auto& finding) { return finding.severity() == api::Finding::ERROR; });
  const auto warnings = status.findings_size() - errors;
  std::string text;
  if (errors > 0) text += Plural(errors, "error", "errors");
  if (warnings > 0) {
    text += fmt::format("{}{}", errors > 0 ? ", " : "", Plural(warnings, "warning", "warnings"));
  }
  return text + ":\n";
}

std::string FindingText(const api::Finding& finding) {
  const bool error = finding.severity() == api::Finding::ERROR;
  return fmt::format("\n{:<{}}", error ? "ERROR" : "WARNING", kLabel) +
         Wrapped(Printable(finding.what()), kLabel) + "\n" +
         Explained("why:  ", finding.reason(), kLabel) +
         Explained("next: ", finding.next(), kLabel) +
         (finding.command().empty()
              ? ""  // on one line, to be copied
              : fmt::format("{:{}}run:  {}\n", "", kLabel, Printable(finding.command())));
}

std::string BooksText(const api::Books& books) {
  std::string text;
  if (books.problem().empty()) {
    text += fmt::format("Database  {}, answers in {:.1f} ms; {}, {} busy, {} waiting\n",
                        books.engine(), static_cast<double>(books.latency_microseconds()) / 1'000,
                        Plural(books.connections(), "connection", "connections"),
                        books.busy_connections(), books.waiting_transactions());
    text += fmt::format("Writes    {} open, {} lingering", books.open_writes(),
                        books.lingering_writes());
    if (books.open_writes() + books.lingering_writes() > 0) {
      text += fmt::format(", the oldest for {}", Age(books.oldest_write_seconds()));
    }
    text += "\n";
  } else {
    text += fmt::format("Database  {}, AWAY: {}\n", books.engine(), Printable(books.problem()));
  }
  return text;
}

std::string NodeState(const api::Node& node) {
  if (node.health() != "up") return node.health();
  if (node.disk_exchanged()) return "other disk";
  if (!node.disk_problem().empty()) return "disk in doubt";
  return node.degraded().empty() ? "up" : "failing";
}

std::string NodesText(const api::VirtualStorage& storage, bool counted) {
  std::vector<Row> rows = {
      {"NODE", "STATE", "CURRENT", "BEHIND", "NONE", "PRIMARY OF", "GITALY", "ADDRESS"}};
  const auto count = [&](int64_t number) { return counted ? std::to_string(number) : "?"; };
  for (const api::Node& node : storage.nodes()) {
    rows.push_back({Printable(node.storage()) + (node.primary() ? " (primary)" : ""),
                    NodeState(node), count(node.current()), count(node.behind()),
                    count(node.none() + node.suspect()), count(node.primary_of()),
                    node.version().empty() ? "?" : Printable(node.version()),
                    Printable(node.address())});
  }
  return Table(rows);
}

std::string JobsText(const api::VirtualStorage& storage) {
  if (storage.jobs().empty()) return "";
  std::vector<Row> rows = {{"JOBS TO", "KIND", "STATE", "COUNT", "OLDEST", "LAST ERROR"}};
  for (const api::Jobs& jobs : storage.jobs()) {
    rows.push_back({Printable(jobs.storage()), jobs.kind(), jobs.state(),
                    std::to_string(jobs.count()), Age(jobs.oldest_seconds()),
                    Printable(jobs.last_error())});
  }
  return "\n" + Table(rows);
}

std::string UnavailableText(const api::VirtualStorage& storage) {
  if (storage.unavailable().empty()) return "";
  std::vector<Row> rows = {{"UNAVAILABLE", "ID", "PRIMARY"}};
  for (const api::Unavailable& each : storage.unavailable()) {
    rows.push_back({Printable(each.relative_path()), std::to_string(each.repository_id()),
                    each.primary().empty() ? "none" : Printable(each.primary())});
  }
  const int64_t more = storage.repositories_unavailable() - storage.unavailable_size();
  if (more > 0) rows.push_back({fmt::format("and {} more", more), "", ""});
  return "\n" + Table(rows);
}

std::string StorageText(const api::VirtualStorage& storage, const api::Books& books) {
  const bool counted = books.problem().empty();
  std::string text = fmt::format("\nVirtual storage \"{}\"", Printable(storage.name()));
  if (counted) {
    text += fmt::format(": {}, {} current, {} behind, {} unavailable",
                        Plural(storage.repositories(), "repository", "repositories"),
                        storage.repositories() - storage.repositories_behind(),
                        storage.repositories_behind(), storage.repositories_unavailable());
  }
  return text + "\n" + NodesText(storage, counted) + UnavailableText(storage) + JobsText(storage);
}

}  // namespace

std::string StatusReportText(const api::StatusResponse& status, const std::string& address) {
  std::string text = Headline(status);
  for (const api::Finding& finding : status.findings()) text += FindingText(finding);
  text += fmt::format("\nPraefect  {} at {}", Printable(status.version()), Printable(address));
  if (status.books().instance() != 0) {
    text += fmt::format(", instance {}", status.books().instance());
  }
  text += "\n" + BooksText(status.books());
  for (const api::VirtualStorage& storage : status.virtual_storages()) {
    text += StorageText(storage, status.books());
  }
  return text;
}

std::string StatusReportJson(const api::StatusResponse& status) {
  Json json{{"schema_version", 1}, {"ok", status.findings().empty()}};
  json.update(ToJson(status));
  return Document(json);
}

std::string StatusErrorJson(const std::string& address, const absl::Status& error) {
  return Document({{"schema_version", 1},
                   {"ok", false},
                   {"error",
                    {{"message", ServerErrorLine("get status", error)},
                     {"to_do", ServerAdvice(address, error)}}}});
}

}  // namespace praefect::cmd
