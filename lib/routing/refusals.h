#pragma once

// Why a node does not get a call. Internal to this module.

#include "routing/route.h"

namespace praefect::routing {

// `what` is upstream's text.
Refusal Unavailable(const nodes::Node& node, std::string_view what, std::string_view reason);
// Its disk is in doubt.
Refusal NotWritable(const nodes::Node& node);

}  // namespace praefect::routing
