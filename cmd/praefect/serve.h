#pragma once

#include "commands.h"

namespace praefect::cmd {

extern const Command kServe;  // runs the proxy until TERM or INT

}  // namespace praefect::cmd
