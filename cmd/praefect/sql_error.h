#pragma once

// Why a command cannot use PostgreSQL, in upstream's words first.

#include <string>
#include <string_view>

#include "config/config.h"
#include "db/ping.h"

namespace praefect::cmd {

// "sql open: send ping: failed to connect to `user=.. database=..`: .." as the Go Praefect 18.9 has
// it; for what it does not look at "praefect COMMAND: fail: ..". `report` has an error.
std::string SqlErrorLine(const db::PingReport& report, const config::Config& config,
                         std::string_view command);

// That line, the layer, the settings to look at and what to do, on standard error.
void PrintSqlError(const db::PingReport& report, const config::Config& config,
                   std::string_view command);

}  // namespace praefect::cmd
