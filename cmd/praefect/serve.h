#pragma once

#include <string>

#include "exit_code.h"

namespace praefect::cmd {

// Runs the proxy until TERM or INT.
ExitCode Serve(const std::string& config_path);

}  // namespace praefect::cmd
