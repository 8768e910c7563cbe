#pragma once

#include <string>

namespace praefect::test {

// The body of http://127.0.0.1:PORT/path, whatever its status; throws without an answer.
std::string HttpGet(int port, const std::string& path);

}  // namespace praefect::test
