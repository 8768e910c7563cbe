#pragma once

// For commands that ask the running Praefect, and what they say when it does not answer as hoped.

#include <absl/status/status.h>

#include <optional>
#include <string>

#include "service/client.h"

namespace praefect::cmd {

// Of the Praefect of that configuration; nothing is sent yet. Nothing: it is said why, on standard
// error.
std::optional<service::Client> ClientFor(const std::string& config_path);

// "get metadata: rpc error: code = ... desc = ...", as upstream prints it.
std::string ServerErrorLine(const std::string& what, const absl::Status& error);

// What to do about it; empty where the error says that itself.
std::string ServerAdvice(const std::string& address, const absl::Status& error);

// Both, on standard error.
void PrintServerError(const std::string& what, const std::string& address,
                      const absl::Status& error);

}  // namespace praefect::cmd
