#pragma once

// A configuration as a list for people: every key, its effective value, and where that came from.

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "config/config.h"
#include "config/sources.h"

namespace praefect::config {

// A secret is never in a Setting, only whether there is one.
struct Secret {
  bool set = false;
  bool operator==(const Secret&) const = default;
};

struct Origin {
  enum class Kind { kDefault, kFile, kSecretFile, kEnvironment, kInherited };
  Kind kind = Kind::kDefault;
  int line = 0;  // in the file; 0 when the value does not stand there
  bool operator==(const Origin&) const = default;
};

struct Setting {
  std::string key;  // "virtual_storage[0].node[1].address", whatever older spelling the file has
  std::variant<std::string, int64_t, bool, std::chrono::milliseconds, std::vector<double>, Secret>
      value;
  Origin origin;
};

// In the order of config.h: keys of the top level first, then one section after the other.
std::vector<Setting> Settings(const Config& config, const Sources& sources);

}  // namespace praefect::config
