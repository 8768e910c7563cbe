#include "load_config.h"

#include <utility>

#include "output.h"

namespace praefect::cmd {

std::optional<config::Config> LoadConfig(const std::string& path, config::Scope scope) {
  config::LoadResult loaded = config::Load(path, scope);
  if (!loaded.config) PrintProblems(loaded);
  return std::move(loaded.config);
}

void PrintProblems(const config::LoadResult& result) {
  PrintError(result.headline);
  for (const auto& problem : result.errors) PrintError(problem.ToString());
  // A mistyped key is a mere warning, and often the cause of an error.
  for (const auto& problem : result.warnings) PrintError("warning: " + problem.ToString());
}

}  // namespace praefect::cmd
