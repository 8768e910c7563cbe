#include "status.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "invocation.h"
#include "output.h"
#include "server.h"
#include "status_report.h"

namespace praefect::cmd {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::hours kLongestTimeout{1};

ExitCode Status(const Invocation& invocation) {
  const bool json = invocation.Text("o") == "json";
  const auto timeout = std::min<std::chrono::nanoseconds>(
      invocation.Duration("timeout"), std::chrono::nanoseconds(kLongestTimeout));
  auto client = ClientFor(invocation.config_path);
  if (!client) return kFailed;
  api::StatusRequest request;
  request.set_virtual_storage(invocation.Text("virtual-storage"));
  const auto status = client->Status(request, std::chrono::ceil<milliseconds>(timeout));
  if (!status.ok()) {
    if (json) Print(StatusErrorJson(client->address(), status.status()));
    PrintServerError("get status", client->address(), status.status());
    return kFailed;
  }
  Print(json ? StatusReportJson(*status) : StatusReportText(*status, client->address()));
  return status->findings().empty() ? kDone : kFailed;
}

constexpr Flag kFlags[] = {
    {"o", "text|json", "text", "How to print what is found; json: one document, nothing else"},
    {"timeout", "DURATION", "30s", "How long the answer may take"},
    {"virtual-storage", "NAME", "", "Only this virtual storage"},
};

}  // namespace

const Command kStatus = {
    "status",
    "Look whether the cluster is well, and what to do if not",
    "Asks the running Praefect, at the address and with the token of the\n"
    "configuration. First what is wrong, why, and what to do next; then the database,\n"
    "and of each virtual storage its nodes, how many repositories are on all their\n"
    "nodes, behind or unavailable, and the copies and deletes that are due.\n"
    "\n"
    "Exit status: 0 when nothing is wrong, 1 when something is, or when Praefect does\n"
    "not answer.",
    "praefect -config /etc/praefect/config.toml status\n"
    "praefect -config /etc/praefect/config.toml status -o json",
    &Status,
    kFlags};

}  // namespace praefect::cmd
