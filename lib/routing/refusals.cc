#include "routing/refusals.h"

#include <fmt/format.h>

namespace praefect::routing {
namespace {

std::string HintFor(const nodes::Node& node) {
  if (node.key_to_check.empty()) {
    return fmt::format("look at the log of the Gitaly at {}", node.address_text);
  }
  return fmt::format("check {} of storage \"{}\" in virtual storage \"{}\"", node.key_to_check,
                     node.storage, node.virtual_storage);
}

}  // namespace

Refusal Unavailable(const nodes::Node& node, std::string_view what, std::string_view reason) {
  return {
      absl::StatusCode::kUnavailable,
      fmt::format("all SubCons are in TransientFailure: {}: node \"{}\" at {}: {}", what,
                  node.storage, node.address_text, node.reason.empty() ? "unhealthy" : node.reason),
      reason, HintFor(node)};
}

Refusal NotWritable(const nodes::Node& node) {
  const auto code =
      node.disk.suspect ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kUnavailable;
  return {code,
          fmt::format("nothing is written to node \"{}\" at {}: {}", node.storage,
                      node.address_text, node.disk.text),
          "disk_in_doubt",
          "look whether the right disk is mounted there; `praefect status` tells what else can be "
          "done"};
}

}  // namespace praefect::routing
