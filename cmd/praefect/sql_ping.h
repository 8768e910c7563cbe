#pragma once

#include "commands.h"

namespace praefect::cmd {

extern const Command kSqlPing;

}  // namespace praefect::cmd
