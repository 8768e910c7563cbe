#include "daemon/readiness.h"

#include <fmt/format.h>

#include <algorithm>

namespace praefect::daemon {
namespace {

ReadinessCheck CheckProbed(const nodes::Snapshot& snapshot) {
  const nodes::Node* unknown = snapshot.FindUnknown();
  if (AllProbed(snapshot)) return {"nodes-probed", ""};
  return {"nodes-probed", fmt::format("nothing is known yet of node \"{}\" ({})", unknown->storage,
                                      unknown->address_text)};
}

// One that a reload has just added is tried until its first probe has ended.
ReadinessCheck CheckPrimary(const nodes::VirtualStorage& storage, bool started) {
  const nodes::Node& primary = storage.primary();
  ReadinessCheck check{fmt::format("virtual-storage {}", storage.name), ""};
  const bool tried = started && primary.health == nodes::Health::kUnknown;
  if (tried || primary.health == nodes::Health::kUp) return check;
  check.problem =
      fmt::format("its primary \"{}\" ({}) is not healthy{}{}", primary.storage,
                  primary.address_text, primary.reason.empty() ? "" : ": ", primary.reason);
  return check;
}

}  // namespace

std::vector<ReadinessCheck> CheckReadiness(const nodes::Snapshot& snapshot, const BooksState& books,
                                           bool stopping, Purpose purpose) {
  std::vector<ReadinessCheck> checks;
  checks.push_back({"stopping", stopping ? "Praefect was told to stop" : ""});
  const bool writes = purpose == Purpose::kWrites;
  checks.push_back({"database", books.problem, !books.was_usable || writes});
  if (writes && !books.recording.empty()) checks.push_back({"recording", books.recording});
  checks.push_back(CheckProbed(snapshot));
  const auto first_storage = static_cast<std::ptrdiff_t>(checks.size());
  for (const auto& storage : snapshot.virtual_storages) {
    checks.push_back(CheckPrimary(storage, snapshot.started));
  }
  const bool one_serves = std::any_of(checks.begin() + first_storage, checks.end(),
                                      [](const auto& check) { return check.problem.empty(); });
  std::for_each(checks.begin() + first_storage, checks.end(), [&](ReadinessCheck& check) {
    check.required = !one_serves || purpose == Purpose::kWrites;
  });
  return checks;
}

bool AllProbed(const nodes::Snapshot& snapshot) {
  return snapshot.started || snapshot.FindUnknown() == nullptr;
}

bool IsReady(const std::vector<ReadinessCheck>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const ReadinessCheck& check) {
    return check.problem.empty() || !check.required;
  });
}

std::string ReadinessText(const std::vector<ReadinessCheck>& checks) {
  std::string text = IsReady(checks) ? "ready\n" : "not ready\n";
  for (const ReadinessCheck& check : checks) {
    if (check.problem.empty()) {
      text += fmt::format("[+] {}\n", check.name);
    } else {
      text += fmt::format("[-] {}: {}{}\n", check.name, check.problem,
                          check.required ? "" : " (ready all the same)");
    }
  }
  return text;
}

}  // namespace praefect::daemon
