#pragma once

// How logs and metrics call the kinds of methods: upstream's words.

#include <string_view>

#include "gitaly/method.h"

namespace praefect::gitaly {

std::string_view TypeName(const Method& method);       // "unary", "server_stream", ...
std::string_view OperationName(const Method& method);  // "accessor", "mutator", ...
std::string_view ScopeName(const Method& method);      // "repository", "storage", ...

}  // namespace praefect::gitaly
