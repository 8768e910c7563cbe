#pragma once

#include "commands.h"

namespace praefect::cmd {

extern const Command kGiveUpDeletes;

}  // namespace praefect::cmd
