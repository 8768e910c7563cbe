#pragma once

#include <string>

#include "db/migrations.h"

namespace praefect::cmd {

// The box that upstream's sql-migrate-status draws: MIGRATION and APPLIED, one row for each.
std::string MigrationTable(const db::Schema& schema);

}  // namespace praefect::cmd
