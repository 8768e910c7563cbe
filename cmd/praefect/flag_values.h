#pragma once

#include <string>

#include "commands.h"

namespace praefect::cmd {

// Why `text` is no value of `flag` and what is; empty when it is one. A switch's is "true" or
// "false".
std::string RefuseValue(const Flag& flag, const std::string& text);

}  // namespace praefect::cmd
