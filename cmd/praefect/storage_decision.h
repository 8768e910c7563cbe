#pragma once

// What the commands by which an operator decides over a storage have in common.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "invocation.h"
#include "message_json.h"
#include "output.h"
#include "server.h"

namespace praefect::cmd {

inline constexpr std::chrono::seconds kDecisionTimeout{30};  // of each call

// Asks the running Praefect by this method of its client, which does a part of it at a time, until
// all is done, and prints what it told first. `what` was attempted, for errors.
template <class Request, class Response>
ExitCode Decide(const Invocation& invocation, std::string_view what, Request request,
                absl::StatusOr<Response> (service::Client::*ask)(const Request&,
                                                                 std::chrono::milliseconds),
                std::string (*report)(const Request&, const Response&)) {
  auto client = ClientFor(invocation.config_path);
  if (!client) return kFailed;
  request.set_virtual_storage(invocation.Text("virtual-storage"));
  request.set_storage(invocation.Text("storage"));
  request.set_apply(invocation.Switch("apply"));
  absl::StatusOr<Response> first = ((*client).*ask)(request, kDecisionTimeout);
  absl::StatusOr<Response> last = first;
  while (last.ok() && last->unfinished() && request.apply()) {
    last = ((*client).*ask)(request, kDecisionTimeout);
  }
  if (!last.ok()) {
    PrintServerError(std::string(what), client->address(), last.status());
    return kFailed;
  }
  Print(invocation.Text("o") == "json" ? Document(ToJson(*first)) : report(request, *first));
  return kDone;
}

}  // namespace praefect::cmd
