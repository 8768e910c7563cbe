#pragma once

// What `git fsck` says of a copy and of its source. Pure.

#include <string>
#include <string_view>

namespace praefect::replication {

// What it finds wrong with the copy and not with the source, whose own faults a copy has as well:
// what is missing, or else the first line, and how many there are. Empty: nothing. What may differ
// between sound repositories (objects that nothing refers to, notices) does not count.
std::string NewFaults(std::string_view of_copy, std::string_view of_source);

}  // namespace praefect::replication
