#pragma once

#include "commands.h"

namespace praefect::cmd {

extern const Command kConfigurationValidate;  // says what is wrong with a configuration

}  // namespace praefect::cmd
