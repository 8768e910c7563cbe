#pragma once

#include "commands.h"

namespace praefect::cmd {

extern const Command kSqlMigrate;
extern const Command kSqlMigrateDown;
extern const Command kSqlMigrateStatus;

}  // namespace praefect::cmd
