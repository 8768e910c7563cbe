#pragma once

// Verbs for stories about the program `praefect` as users type it.

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "support/process.h"

namespace praefect::test {

struct Ending {
  int exit_code = 0;
  std::string output;
  std::string error;
  bool operator==(const Ending&) const = default;
};

inline std::ostream& operator<<(std::ostream& stream, const Ending& ending) {
  return stream << "exit " << ending.exit_code << ", output \"" << ending.output << "\", error \""
                << ending.error << "\"";
}

// `praefect ARGUMENTS...`, to its end.
inline Ending Praefect(std::vector<std::string> arguments,
                       const std::string& praefect_config = "") {
  arguments.insert(arguments.begin(), PRAEFECT_PROGRAM);
  const auto outcome = Run({arguments, {{"PRAEFECT_CONFIG", praefect_config}}, {}, {}});
  return {outcome.exit_status, outcome.output, outcome.error};
}

inline std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

inline bool Mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace praefect::test
