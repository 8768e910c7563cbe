#pragma once

// What the clerk refuses with. Internal to the clerk.

#include <string>
#include <string_view>

#include "proxy/clerk.h"

namespace praefect::proxy {

Decision Refused(absl::StatusCode code, std::string message, std::string_view reason,
                 std::string hint = {});
// Nothing of the database's own words reaches clients.
Decision DatabaseAway(const db::Error& error);
// `what` another call does with it: "created".
Decision Busy(std::string_view what, const Clerk::Name& name);
// Why a node did not say whether something is there.
Decision Unanswered(const Clerk::Name& name, const std::string& why);

}  // namespace praefect::proxy
