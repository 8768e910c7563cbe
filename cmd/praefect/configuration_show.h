#pragma once

#include "commands.h"

namespace praefect::cmd {

extern const Command kConfigurationShow;  // every setting, its value and where that came from

}  // namespace praefect::cmd
