#pragma once

// A configured server and its inspection, as stories about judgements need them.

#include <ostream>
#include <string>
#include <vector>

#include "nodes/inspection.h"

namespace praefect::nodes {

inline GitalyServer Server(const std::string& address = "tcp://10.0.0.2:8075",
                           std::vector<GitalyServer::Node> nodes = {{"default", "gitaly-2"}}) {
  return {*config::ParseNodeAddress(address), "secret", std::move(nodes)};
}

inline std::ostream& operator<<(std::ostream& stream, const Step& step) {
  return stream << NameOf(step.layer) << " " << static_cast<int>(step.outcome) << ": "
                << step.message;
}

inline bool IsBroken(const Step& step, Layer layer) {
  return step.layer == layer && step.outcome == Step::Outcome::kBroken;
}

}  // namespace praefect::nodes
