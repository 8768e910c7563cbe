#pragma once

// The command line of minigitaly.

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "faults.h"
#include "release.h"
#include "server.h"

namespace praefect::minigitaly {

struct Options {
  std::string listen;
  ServerTls tls;
  std::map<std::string, std::filesystem::path> storages;
  std::string token;
  bool health_without_token = false;
  bool explain_refusals = false;
  int64_t clock_offset_seconds = 0;
  bool not_serving = false;
  Release release;
  std::set<std::string> unreadable, unwritable;  // names of storages
  std::vector<Fault> faults;
  std::filesystem::path fault_file;
  std::string record_file;
  std::string ssh_helper;
};

// The options, or the exit code after help or a complaint was printed.
std::variant<Options, int> ParseOptions(int argc, char** argv);

}  // namespace praefect::minigitaly
