#pragma once

// The configuration as commands need it.

#include <optional>
#include <string>

#include "config/load.h"

namespace praefect::cmd {

// Nothing when it is broken; then everything that is wrong is on standard error, and the command
// ends with kFailed.
std::optional<config::Config> LoadConfig(const std::string& path,
                                         config::Scope scope = config::Scope::kAll);

// On standard error: upstream's line, every error, and the warnings.
void PrintProblems(const config::LoadResult& result);

}  // namespace praefect::cmd
