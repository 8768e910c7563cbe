#pragma once

// The log of the process as `[logging]` wants it, and what a configuration has to say there.

#include <absl/status/statusor.h>

#include <memory>
#include <vector>

#include "config/config.h"
#include "config/problem.h"
#include "observe/log.h"

namespace praefect::daemon {

// Fails naming logging.file and the file.
absl::StatusOr<std::unique_ptr<observe::Logger>> MakeLoggerFor(const config::Logging& logging);
observe::Level LevelOf(const config::Logging& logging);

void LogProblems(observe::Logger& logger, observe::Level level,
                 const std::vector<config::Problem>& problems);

}  // namespace praefect::daemon
