#pragma once

// What `status` was answered, for people and for programs.

#include <absl/status/status.h>

#include <string>

#include "praefect/status.pb.h"

namespace praefect::cmd {

// What is wrong and what to do about it first.
std::string StatusReportText(const api::StatusResponse& status, const std::string& address);

// One JSON document, with a newline at its end: the answer with the names that it has in
// proto/praefect/status.proto, and "ok".
std::string StatusReportJson(const api::StatusResponse& status);
// There is no answer.
std::string StatusErrorJson(const std::string& address, const absl::Status& error);

}  // namespace praefect::cmd
