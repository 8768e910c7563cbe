#include "nodes/gitaly_version.h"

#include <charconv>
#include <optional>
#include <utility>

namespace praefect::nodes {
namespace {

using Version = std::pair<int, int>;  // major, minor

std::optional<Version> Parse(std::string_view text) {
  Version version;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.first);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.second);
  if (minor.ec != std::errc()) return std::nullopt;
  return version;
}

bool IsSurelyFrom(std::string_view text, Version first) {
  const auto version = Parse(text);
  return version && *version >= first;
}

bool IsSurelyBefore(std::string_view text, Version first) {
  const auto version = Parse(text);
  return version && *version < first;
}

}  // namespace

bool EndsCancelledCalls(std::string_view version) { return IsSurelyFrom(version, {13, 2}); }

bool ReplicatesWhole(std::string_view version) { return IsSurelyFrom(version, {13, 2}); }

bool KnowsReplicateRepository(std::string_view version) {
  return !IsSurelyBefore(version, {12, 5});
}

bool KnowsCleanup(std::string_view version) { return IsSurelyBefore(version, {15, 12}); }

}  // namespace praefect::nodes
