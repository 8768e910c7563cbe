#pragma once

#include "commands.h"

namespace praefect::cmd {

extern const Command kMetadata;

}  // namespace praefect::cmd
