#pragma once

#include <string>

#include "commands.h"

namespace praefect::cmd {

// Both at most 80 columns wide.
std::string GeneralHelp();
std::string CommandHelp(const Command& command);

}  // namespace praefect::cmd
