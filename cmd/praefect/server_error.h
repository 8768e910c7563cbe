#pragma once

// What commands say when the running Praefect, which they ask, does not answer as hoped.

#include <absl/status/status.h>

#include <string>

namespace praefect::cmd {

// "get metadata: rpc error: code = ... desc = ...", as upstream prints it.
std::string ServerErrorLine(const std::string& what, const absl::Status& error);

// What to do about it; empty where the error says that itself.
std::string ServerAdvice(const std::string& address, const absl::Status& error);

// Both, on standard error.
void PrintServerError(const std::string& what, const std::string& address,
                      const absl::Status& error);

}  // namespace praefect::cmd
