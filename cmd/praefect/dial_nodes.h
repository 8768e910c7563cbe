#pragma once

#include "commands.h"

namespace praefect::cmd {

extern const Command kDialNodes;
extern const Command kPingNodes;  // the same under an older name

}  // namespace praefect::cmd
