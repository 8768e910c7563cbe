#pragma once

// What Praefect's own RPCs answer, for programs.

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>
#include <string>

namespace praefect::cmd {

// The message with the names that it has in proto/praefect; fields that are not set are there, too.
nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

// As it is printed, with a newline at its end.
std::string Document(const nlohmann::ordered_json& json);

}  // namespace praefect::cmd
