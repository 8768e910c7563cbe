#include "serve.h"

#include <fmt/format.h>

#include <cstdio>

#include "config/load.h"

namespace praefect::cmd {
namespace {

void PrintErrors(const config::LoadResult& result) {
  fmt::print(stderr, "{}\n", result.headline);
  for (const auto& problem : result.errors) fmt::print(stderr, "{}\n", problem.ToString());
}

}  // namespace

ExitCode Serve(const std::string& config_path) {
  const auto loaded = config::Load(config_path);
  if (!loaded.config) {
    PrintErrors(loaded);
    return kBrokenConfiguration;
  }
  return kDone;
}

}  // namespace praefect::cmd
