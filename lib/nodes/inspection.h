#pragma once

// Looks at the configured Gitaly servers from the outside in, one layer after the other, and says
// which layer is broken and which setting to change. For people who set up or repair a cluster: it
// needs no running Praefect, keeps nothing, and a node sees a few harmless calls.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/address.h"
#include "config/config.h"
#include "net/tls.h"

namespace praefect::nodes {

// In the order in which they are tried. After a broken one the later ones are not tried.
enum class Layer {
  kName,        // the host's name resolves
  kConnection,  // somebody takes connections there
  kTls,         // the certificate: chain, name, dates; HTTP/2 is agreed on
  kHttp2,       // what is spoken there is HTTP/2, in the clear or over TLS as configured
  kHealth,      // the node says that it serves
  kToken,       // the node takes our token
  kClock,       // its clock and ours agree well enough for tokens
  kStorages,    // it serves the storages that the configuration names
  kReadable,    // and can read them
  kWritable,    // and write
  kSeparate,    // no two nodes of a virtual storage keep their repositories in the same place
};
std::string_view NameOf(Layer layer);  // "TLS", "token"; for people and for JSON

// What was found at one layer. A layer may have several steps; a broken one ends the inspection.
struct Step {
  enum class Outcome { kGood, kNote, kBroken };
  Layer layer = Layer::kName;
  Outcome outcome = Outcome::kGood;
  std::string message;  // what was seen; may quote what the node said, with any bytes
  // Of the configuration: `virtual_storage "default" node "gitaly-2": address`. Empty when no
  // setting of Praefect is to blame.
  std::vector<std::string> settings;
  std::string hint;  // what to do; may be empty
  bool operator==(const Step&) const = default;
};

// One Gitaly server as the configuration sees it: an address with a token, and the nodes it is.
struct GitalyServer {
  struct Node {
    std::string virtual_storage, storage;
    bool operator==(const Node&) const = default;
  };
  config::Address address;
  std::string token;        // secret
  std::vector<Node> nodes;  // in file order; never empty
};

// `virtual_storage "default" node "gitaly-2": KEY`, for each node of the server.
std::vector<std::string> SettingsOf(const GitalyServer& server, std::string_view key);

// In file order. One for each pair of address and token: an address with two tokens is two servers,
// since one of the tokens may be wrong. `virtual_storage`: only its nodes; empty: all.
std::vector<GitalyServer> ServersOf(const config::Config& config, std::string_view virtual_storage);

// A storage that a server says it has.
struct ServedStorage {
  std::string name;
  bool readable = false;
  bool writable = false;
  std::string filesystem_id;  // identifies the place on disk; empty from very old Gitalys
};

struct Inspection {
  GitalyServer server;
  std::vector<Step> steps;  // in the order in which they were taken
  std::string gitaly_version, git_version;
  std::vector<ServedStorage> served;
  // Of a health check over a connection that stands: the quickest of a few.
  std::optional<std::chrono::microseconds> round_trip;
  // How far the node's clock is ahead of ours; measured only where it is far enough to matter.
  std::optional<std::chrono::seconds> clock_lead;

  bool good() const { return broken() == nullptr; }
  const Step* broken() const;  // the first broken step; null: all is well
};

struct InspectionOptions {
  std::chrono::milliseconds timeout{10'000};  // for everything together
  std::function<int64_t()> wall_clock;        // seconds since 1970; empty: the system's clock
  // For servers at tls://, which must not be there without it.
  std::shared_ptr<const net::TlsClientContext> tls;
};

// Called with each of upstream's lines ("dialing...") as it comes, from several threads at a time.
using InspectionProgress = std::function<void(const GitalyServer&, std::string_view line)>;

// All servers in parallel, one thread each. Blocks for at most the timeout (and a moment). The
// results are in the order of `servers`.
std::vector<Inspection> Inspect(const std::vector<GitalyServer>& servers,
                                const InspectionOptions& options,
                                const InspectionProgress& progress);

}  // namespace praefect::nodes
