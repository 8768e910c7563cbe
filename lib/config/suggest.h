#pragma once

#include <span>
#include <string>
#include <string_view>

namespace praefect::config {

// The one of `names` that `word` was probably meant to be (few edits away); empty when none is.
std::string ClosestName(std::string_view word, std::span<const std::string> names);

}  // namespace praefect::config
