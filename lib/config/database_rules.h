#pragma once

#include <string>

#include "config/config.h"
#include "config/findings.h"

namespace praefect::config {

// `[database]`. Whether the settings are those of a database is for connecting to find out.
void CheckDatabase(const Database& database, Findings& findings);

// Where the embedded store is; `state_directory` is what $STATE_DIRECTORY holds.
std::string EmbeddedStorePath(const std::string& configured, const std::string& config_path,
                              const std::string& state_directory);

}  // namespace praefect::config
