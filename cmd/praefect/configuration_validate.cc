#include "configuration_validate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/load.h"
#include "invocation.h"
#include "output.h"

namespace praefect::cmd {
namespace {

config::LoadResult Load(const Invocation& invocation) {
  if (!invocation.words.empty()) return config::Load(invocation.words.front());
  if (!invocation.config_path.empty()) return config::Load(invocation.config_path);
  return config::LoadDescriptor(STDIN_FILENO, "standard input");
}

// "virtual_storage[0].name" as upstream writes it: "virtual_storage", "[0]", "name".
std::vector<std::string> Parts(std::string_view key) {
  std::vector<std::string> parts;
  while (!key.empty()) {
    const auto end = std::min(key.find_first_of(".[", 1), key.size());
    parts.emplace_back(key.substr(0, end));
    key.remove_prefix(end < key.size() && key[end] == '.' ? end + 1 : end);
  }
  return parts;
}

// What keeps the file from being served, and what upstream complains of only here.
std::vector<config::Problem> Findings(const config::LoadResult& result) {
  std::vector<config::Problem> findings = result.errors;
  std::copy_if(result.warnings.begin(), result.warnings.end(), std::back_inserter(findings),
               [](const config::Problem& problem) { return problem.fails_validation; });
  return findings;
}

// Upstream prints nothing where there is nothing to say.
void PrintJson(const std::vector<config::Problem>& findings) {
  if (findings.empty()) return;
  auto errors = nlohmann::ordered_json::array();
  for (const config::Problem& problem : findings) {
    auto& error = errors.emplace_back(nlohmann::ordered_json::object());
    if (!problem.key.empty()) error["key"] = Parts(problem.key);
    error["message"] = problem.finding.empty() ? problem.message : problem.finding;
  }
  // Values of the file may be quoted that are not UTF-8.
  Print(nlohmann::ordered_json{{"errors", std::move(errors)}}.dump(
            2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
        "\n");
}

// In the order of the file, which is the order in which people correct it.
std::vector<config::Problem> ByLine(std::vector<config::Problem> problems) {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
  return problems;
}

std::string Count(size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void PrintText(const std::vector<config::Problem>& findings,
               std::vector<config::Problem> warnings) {
  std::erase_if(warnings, [](const auto& problem) { return problem.fails_validation; });
  for (const auto& problem : ByLine(findings)) Print("error: " + problem.ToString() + "\n");
  for (const auto& problem : ByLine(warnings)) Print("warning: " + problem.ToString() + "\n");
  Print(
      fmt::format("{}, {}\n", Count(findings.size(), "error"), Count(warnings.size(), "warning")));
}

ExitCode Validate(const Invocation& invocation) {
  const config::LoadResult result = Load(invocation);
  if (result.unreadable) {
    PrintError("processing input data: " + result.errors.front().message);
    return kFailed;
  }
  const auto findings = Findings(result);
  invocation.Text("o") == "text" ? PrintText(findings, result.warnings) : PrintJson(findings);
  return findings.empty() ? kDone : kFindings;
}

constexpr Flag kFlags[] = {
    {"o", "json|text", "json", "How to print what is found; json: errors only, as upstream"},
};

}  // namespace

const Command kConfigurationValidate = {
    "configuration validate",
    "Say what is wrong with a configuration",
    "Checks the configuration in FILE, in the file of -config, or on standard input,\n"
    "with everything that `serve` would check at its start, and the secret files that\n"
    "it names; also a few rules that `serve` only warns of. Nothing is started and no\n"
    "connection is made.\n"
    "\n"
    "Exit status: 0 when it is fit to serve, 2 with errors, 1 when it cannot be read.",
    "praefect configuration validate -o text /etc/praefect/config.toml\n"
    "praefect configuration validate < config.toml",
    &Validate,
    kFlags,
    {"[FILE]", 0, 1},
    false};

}  // namespace praefect::cmd
