#include "replication/fsck.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace praefect::replication {
namespace {

std::set<std::string_view> FaultsIn(std::string_view text) {
  std::set<std::string_view> faults;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const bool sound = line.empty() || line.starts_with("dangling ") ||
                       line.starts_with("unreachable ") || line.starts_with("notice: ");
    if (!sound) faults.insert(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return faults;
}

}  // namespace

std::string NewFaults(std::string_view of_copy, std::string_view of_source) {
  std::set<std::string_view> faults = FaultsIn(of_copy);
  for (const std::string_view known : FaultsIn(of_source)) faults.erase(known);
  if (faults.empty()) return "";
  // What is missing says more than what leads there, which git tells over two lines.
  const auto missing = std::find_if(faults.begin(), faults.end(),
                                    [](auto line) { return line.starts_with("missing "); });
  const std::string first(missing != faults.end() ? *missing : *faults.begin());
  return faults.size() == 1 ? first : fmt::format("{} (and {} more)", first, faults.size() - 1);
}

}  // namespace praefect::replication
