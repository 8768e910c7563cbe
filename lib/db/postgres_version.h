#pragma once

// Which PostgreSQL servers can be used. Versions are numbers as libpq has them: 150018, 90624.

#include <optional>
#include <string>

#include "db/error.h"

namespace praefect::db {

// "postgres server version too old: 90507" as upstream has it; empty: new enough.
std::string RefuseVersion(int version);
// The same as an error, of Layer::kVersion.
std::optional<Error> VersionError(int version);
// For versions that nobody maintains any more; empty for others.
std::string WarnOfVersion(int version);

}  // namespace praefect::db
