#pragma once

// The command line of minigitaly.

#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "faults.h"

namespace praefect::minigitaly {

struct Options {
  std::string listen;
  std::map<std::string, std::filesystem::path> storages;
  std::string token;
  bool health_without_token = false;
  std::vector<Fault> faults;
  std::filesystem::path fault_file;
  std::string record_file;
  std::string ssh_helper;
};

// The options, or the exit code after help or a complaint was printed.
std::variant<Options, int> ParseOptions(int argc, char** argv);

}  // namespace praefect::minigitaly
