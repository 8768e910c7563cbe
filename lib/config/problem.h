#pragma once

#include <string>

namespace praefect::config {

// One thing that is wrong, or worth knowing, about a configuration file. Holds no secret.
struct Problem {
  std::string file;        // as it was named
  int line = 0;            // from 1; 0: nowhere in particular
  std::string key;         // "virtual_storage[0].node[1].address"; empty: the file as a whole
  std::string message;     // upstream's wording where upstream has the rule
  std::string suggestion;  // what to write instead; may be empty
  // How upstream's `configuration validate` puts it; empty: as `message`.
  std::string finding;
  // A warning that `configuration validate` counts as an error: upstream serves all the same.
  bool fails_validation = false;

  // "FILE:LINE: KEY: MESSAGE (SUGGESTION)", without what is empty.
  std::string ToString() const;
  bool operator==(const Problem&) const = default;
};

}  // namespace praefect::config
