#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "commands.h"

namespace praefect::cmd {

// How a command was called. What is here fits the command's flags and words: it needs no checking
// for form. Asking for a flag that the command does not have ends the program.
class Invocation {
 public:
  // The file named by -config. A command that needs one gets that of PRAEFECT_CONFIG otherwise, and
  // is not run without; empty at other commands when there was no -config.
  std::string config_path;
  std::vector<std::string> words;

  explicit Invocation(const Command& command);
  void Set(std::string_view name, std::string text);  // the flag was given

  bool Has(std::string_view name) const;                 // it was given
  const std::string& Text(std::string_view name) const;  // given, or the fallback
  bool Switch(std::string_view name) const;
  std::chrono::nanoseconds Duration(std::string_view name) const;  // not negative

 private:
  struct Value {
    std::string text;
    bool given = false;
  };
  const Value& Find(std::string_view name) const;

  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace praefect::cmd
