#include "proxy/decisions.h"

#include <fmt/format.h>

namespace praefect::proxy {

using absl::StatusCode;

Decision Refused(StatusCode code, std::string message, std::string_view reason, std::string hint) {
  Decision decision{Decision::kRefused};
  decision.refusal = {code, std::move(message), reason, std::move(hint)};
  return decision;
}

Decision DatabaseAway(const db::Error& error) {
  if (error.layer == db::Layer::kArgument) {
    return Refused(StatusCode::kInvalidArgument, error.message, "bad_name");
  }
  return Refused(StatusCode::kUnavailable, "Praefect's database did not answer in time, try again",
                 "database", error.message + "; `praefect status` tells how the database is");
}

Decision Busy(std::string_view what, const Clerk::Name& name) {
  return Refused(
      StatusCode::kAborted,
      fmt::format("\"{}\" is being {} by another call, try again", name.relative_path, what),
      "name_busy",
      "when it lasts: the call that does so is open, or was lost and lingers (`praefect status`)");
}

Decision Unanswered(const Clerk::Name& name, const std::string& why) {
  return Refused(
      StatusCode::kUnavailable,
      fmt::format("all SubCons are in TransientFailure: whether \"{}\" is there has to be "
                  "asked of every node: {}",
                  name.relative_path, why),
      "node_unanswered",
      "bring the node up (`praefect dial-nodes`); a storage that will not come back has to "
      "leave the configuration");
}

}  // namespace praefect::proxy
