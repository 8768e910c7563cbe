#include "dial_nodes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "config/suggest.h"
#include "dial_report.h"
#include "invocation.h"
#include "load_config.h"
#include "nodes/inspection.h"
#include "observe/escape.h"
#include "observe/mutex.h"
#include "output.h"

namespace praefect::cmd {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::hours kLongestTimeout{1};

// Upstream's lines as they come, which scripts read; from several threads.
class LinePrinter {
 public:
  void operator()(const nodes::GitalyServer& server, std::string_view line) {
    std::string text = fmt::format("[{}]: ", server.address.ToString());
    observe::AppendPrintable(text, line);
    observe::MutexLock lock(mutex_);
    Print(text + "\n");
    std::fflush(stdout);  // someone may be waiting at the other end of a pipe
  }

 private:
  observe::Mutex mutex_;
};

// Each address once.
std::vector<std::string> Unhealthy(const std::vector<nodes::Inspection>& inspections) {
  std::vector<std::string> addresses;
  for (const nodes::Inspection& inspection : inspections) {
    std::string address = inspection.server.address.ToString();
    const bool known = std::find(addresses.begin(), addresses.end(), address) != addresses.end();
    if (!inspection.good() && !known) addresses.push_back(std::move(address));
  }
  return addresses;
}

std::string NoSuchVirtualStorage(const std::string& name, const config::Config& config) {
  std::vector<std::string> names;
  for (const auto& storage : config.virtual_storages) names.push_back(storage.name);
  const std::string closest = config::ClosestName(name, names);
  return fmt::format("no virtual storage is named \"{}\"; {}", name,
                     closest.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                                     : fmt::format("did you mean \"{}\"?", closest));
}

// Reads the trust store where a node has TLS.
bool Trust(const std::vector<nodes::GitalyServer>& servers, const std::string& min_version,
           nodes::InspectionOptions& options) {
  const auto has_tls = [](const nodes::GitalyServer& server) {
    return server.address.kind == config::Address::Kind::kTls;
  };
  if (std::none_of(servers.begin(), servers.end(), has_tls)) return true;
  auto context = net::TlsClientContext::Make(min_version);
  if (!context.ok()) {
    PrintError(std::string(context.status().message()));
    return false;
  }
  for (const std::string& warning : (*context)->warnings()) PrintError("warning: " + warning);
  options.tls = *std::move(context);
  return true;
}

ExitCode Dial(const std::vector<nodes::GitalyServer>& servers,
              const nodes::InspectionOptions& options, bool json) {
  LinePrinter lines;
  nodes::InspectionProgress progress = std::ref(lines);
  if (json) progress = [](const nodes::GitalyServer&, std::string_view) {};
  const auto inspections = nodes::Inspect(servers, options, progress);
  Print(json ? DialReportJson(inspections) : DialReportText(inspections));
  std::fflush(stdout);
  const auto unhealthy = Unhealthy(inspections);
  if (unhealthy.empty()) return kDone;
  PrintError(fmt::format("the following nodes are not healthy: {}", fmt::join(unhealthy, ", ")));
  return kFailed;
}

ExitCode DialNodes(const Invocation& invocation) {
  const auto timeout = std::chrono::ceil<milliseconds>(invocation.Duration("timeout"));
  if (timeout > kLongestTimeout) {
    PrintError("-timeout: at most 1h");
    return kWrongUsage;
  }
  const auto config = LoadConfig(invocation.config_path);
  if (!config) return kFailed;
  const std::string& virtual_storage = invocation.Text("virtual-storage");
  const auto servers = nodes::ServersOf(*config, virtual_storage);
  if (servers.empty()) {
    PrintError(NoSuchVirtualStorage(virtual_storage, *config));
    return kWrongUsage;
  }
  nodes::InspectionOptions options;
  if (timeout > milliseconds(0)) options.timeout = timeout;
  if (!Trust(servers, config->tls.min_version, options)) return kFailed;
  return Dial(servers, options, invocation.Text("o") == "json");
}

constexpr Flag kFlags[] = {
    {"o", "text|json", "text", "How to print what is found; json: one document, nothing else"},
    {"timeout", "DURATION", "0", "How long everything may take; 0: 10s"},
    {"virtual-storage", "NAME", "", "Only the nodes of this virtual storage"},
};

}  // namespace

const Command kDialNodes = {
    "dial-nodes",
    "Look whether each Gitaly node can be reached and used",
    "Looks at all nodes of the configuration at once, from the outside in: name,\n"
    "connection, TLS, HTTP/2, health, token, clock, storages, whether they can be\n"
    "read and written, and whether two nodes share a disk. It prints a line for each\n"
    "step, then a paragraph for each node; for a broken one with the first layer that\n"
    "is broken, and the setting to change. Praefect need not run, nor a database; who\n"
    "may read the configuration may do this.\n"
    "\n"
    "Exit status: 0 when every node is well, 1 when one is not.",
    "praefect -config /etc/praefect/config.toml dial-nodes -timeout 5s",
    &DialNodes,
    kFlags};

const Command kPingNodes = {"ping-nodes",
                            "Another name of dial-nodes",
                            "See `praefect help dial-nodes`.",
                            "praefect -config /etc/praefect/config.toml ping-nodes",
                            &DialNodes,
                            kFlags};

}  // namespace praefect::cmd
