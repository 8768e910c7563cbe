#pragma once

// Verbs for stories about configuration files.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace praefect::config {

// A file that serves, of eleven lines; a test puts lines of its own above or below it.
inline constexpr std::string_view kServing = R"(listen_addr = "0.0.0.0:2305"
[auth]
token = "external"
[[virtual_storage]]
name = "default"
[[virtual_storage.node]]
storage = "gitaly-1"
address = "tcp://gitaly-1:8075"
token = "internal"
primary = true
)";

inline LoadResult LoadFile(const std::string& text) { return LoadText(text, "t.toml"); }
inline LoadResult LoadWithTop(const std::string& top) {
  return LoadFile(top + "\n" + std::string(kServing));
}
inline LoadResult LoadWithTables(const std::string& tables) {
  return LoadFile(std::string(kServing) + tables);
}

// The serving file with its virtual storages replaced by `storages`.
inline LoadResult LoadStorages(const std::string& storages) {
  return LoadFile("listen_addr = \":2305\"\nauth.token = \"external\"\n" + storages);
}

inline std::string MessageOf(const std::vector<Problem>& problems, std::string_view key) {
  const auto found = std::find_if(problems.begin(), problems.end(),
                                  [&](const Problem& problem) { return problem.key == key; });
  return found == problems.end() ? "" : found->message;
}

// The message of the first error or warning about `key`; empty when there is none.
inline std::string ErrorAt(const LoadResult& result, std::string_view key) {
  return MessageOf(result.errors, key);
}
inline std::string WarningAt(const LoadResult& result, std::string_view key) {
  return MessageOf(result.warnings, key);
}

inline bool Mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Everything an operator would get to see of `result`.
inline std::string Printed(const LoadResult& result) {
  std::string text = result.headline + "\n";
  for (const Problem& problem : result.errors) text += problem.ToString() + "\n";
  for (const Problem& problem : result.warnings) text += problem.ToString() + "\n";
  return text;
}

}  // namespace praefect::config
