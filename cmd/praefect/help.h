#pragma once

#include <string>

#include "commands.h"

namespace praefect::cmd {

std::string GeneralHelp();
std::string CommandHelp(const Command& command);

}  // namespace praefect::cmd
