#pragma once

#include "commands.h"

namespace praefect::cmd {

extern const Command kStatus;

}  // namespace praefect::cmd
