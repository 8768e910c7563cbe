#pragma once

#include <functional>
#include <map>
#include <string>

namespace praefect::config {

// Where the values of a Config came from.
struct Sources {
  std::map<std::string, int, std::less<>> lines;  // of every key that stands in the file
  bool state_directory = false;                   // $STATE_DIRECTORY was there
};

}  // namespace praefect::config
