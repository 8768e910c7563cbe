#pragma once

// The deliberate mistakes that the stress must catch.

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "broken_database.h"

namespace praefect::bench {

struct Mistake {
  std::string_view name;  // of -break
  std::string_view what;
  // What is changed in the SQL of opens and settles, of starting a copy, of completing one.
  std::vector<Replacement> writes, starts, completions;
};

const std::vector<Mistake>& Mistakes();
const Mistake* FindMistake(std::string_view name);

}  // namespace praefect::bench
