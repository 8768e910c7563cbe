#pragma once

// From a file to a Config, or to everything that keeps the file from being one.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/problem.h"
#include "config/sources.h"

namespace praefect::config {

struct LoadResult {
  std::optional<Config> config;   // there when there are no errors
  std::string headline;           // the first error in upstream's words; empty without errors
  std::vector<Problem> errors;    // all broken rules; a syntax error comes alone
  std::vector<Problem> warnings;  // to be logged at start
  bool unreadable = false;        // there is no telling what the file holds
  Sources sources;                // of `config`
};

// What somebody asks of a file. kDatabase: [database] and [embedded_store] alone need to be right;
// nothing is said about other keys.
enum class Scope { kAll, kDatabase };

// Reads `path`, the secret files it names, and $STATE_DIRECTORY. Blocks on the file system only.
LoadResult Load(const std::string& path, Scope scope = Scope::kAll);

// The same from an open descriptor, or with the text at hand; `path` is what problems call it.
LoadResult LoadDescriptor(int descriptor, const std::string& path);
LoadResult LoadText(std::string_view text, const std::string& path, Scope scope = Scope::kAll);

}  // namespace praefect::config
