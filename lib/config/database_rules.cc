#include "config/database_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace praefect::config {
namespace {

void CheckSslMode(std::string_view section, const std::string& mode, Findings& findings) {
  constexpr std::array kModes = {"",        "disable",   "allow",      "prefer",
                                 "require", "verify-ca", "verify-full"};
  if (std::find(kModes.begin(), kModes.end(), mode) != kModes.end()) return;
  findings.Error(fmt::format("{}.sslmode", section), fmt::format("not supported: \"{}\"", mode),
                 "write disable, allow, prefer, require, verify-ca or verify-full");
}

}  // namespace

void CheckDatabase(const Database& database, Findings& findings) {
  CheckSslMode("database", database.pooled.sslmode, findings);
  // What it inherits has been reported.
  if (findings.Present("database.session_pooled.sslmode")) {
    CheckSslMode("database.session_pooled", database.session.sslmode, findings);
  }
  for (const std::string field : {"host", "port"}) {
    const std::string key = fmt::format("database.{}_no_proxy", field);
    if (!findings.Present(key)) continue;
    findings.Warn(key, "an older spelling",
                  fmt::format("write {} in [database.session_pooled]", field));
  }
}

std::string EmbeddedStorePath(const std::string& configured, const std::string& config_path,
                              const std::string& state_directory) {
  const auto beside = std::filesystem::path(config_path).parent_path();
  if (!configured.empty()) return beside / configured;
  const std::string first = state_directory.substr(0, state_directory.find(':'));
  return (first.empty() ? beside : std::filesystem::path(first)) / "praefect.db";
}

}  // namespace praefect::config
