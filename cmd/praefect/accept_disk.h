#pragma once

#include "commands.h"

namespace praefect::cmd {

extern const Command kAcceptDisk;

}  // namespace praefect::cmd
