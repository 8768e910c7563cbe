#include "config/virtual_storage_rules.h"

#include <fmt/format.h>

#include <set>

#include "config/address.h"

namespace praefect::config {
namespace {

constexpr uint16_t kDefaultGitalyPort = 8075;
// Findings in upstream's words.
constexpr const char* kBlank = "blank or empty";
constexpr const char* kNotUnique = "not unique";
constexpr size_t kMaxSocketPath = 107;  // sizeof(sockaddr_un::sun_path) less the final zero

class Rules {
 public:
  explicit Rules(Findings& findings) : findings_(findings) {}

  void Check(std::vector<VirtualStorage>& storages) {
    if (storages.empty()) return ReportNoVirtualStorage();
    // Where each one stands: the legacy form has no array around it.
    const bool legacy = !findings_.Present("virtual_storage");
    std::set<std::string> names;
    for (size_t i = 0; i < storages.size(); ++i) {
      VirtualStorage& storage = storages[i];
      const std::string path = legacy ? "" : fmt::format("virtual_storage[{}].", i);
      const std::string name_key = legacy ? "virtual_storage_name" : path + "name";
      CheckVirtualStorage(storage, path, name_key, names.insert(storage.name).second);
    }
  }

 private:
  void ReportNoVirtualStorage() {
    std::string suggestion =
        "add a [[virtual_storage]] with its [[virtual_storage.node]]s; in gitlab.rb, "
        "praefect['virtual_storage_name'] and praefect['storage_nodes'] were removed and are "
        "replaced by praefect['virtual_storages']";
    if (findings_.Present("virtual_storage_name")) {
      suggestion = "virtual_storage_name has no effect without a [[node]]; " + suggestion;
    }
    findings_.Error("virtual_storage", "no virtual storages configured", std::move(suggestion),
                    "not set");
  }

  void CheckVirtualStorage(VirtualStorage& storage, const std::string& path,
                           const std::string& name_key, bool unique) {
    const std::string prefix = fmt::format("virtual storage \"{}\"", storage.name);
    if (storage.name.empty()) {
      findings_.Error(name_key, "virtual storages must have a name",
                      "add name = \"NAME\": what clients name as their storage", kBlank);
    }
    if (storage.nodes.empty()) {
      findings_.Error(path + "node", prefix + ": no primary gitaly backends configured",
                      "add a [[virtual_storage.node]] for each Gitaly", "not set");
    }
    if (!unique && !storage.name.empty()) {
      findings_.Error(name_key, prefix + ": virtual storages must have unique names",
                      "rename it, or move its nodes to the first one of this name", kNotUnique);
    }
    CheckNodes(storage, path, prefix);
    CheckPrimaries(storage, path, prefix);
    CheckReplicationFactor(storage, path);
  }

  void CheckNodes(VirtualStorage& storage, const std::string& path, const std::string& prefix) {
    std::set<std::string> names;
    std::set<std::string> addresses;
    for (size_t i = 0; i < storage.nodes.size(); ++i) {
      Node& node = storage.nodes[i];
      const std::string node_path = fmt::format("{}node[{}]", path, i);
      CheckNodeStorage(node, node_path, prefix, names);
      CheckNodeAddress(node, node_path, prefix);
      if (!node.address.empty() && !addresses.insert(node.address).second) {
        findings_.Warn(node_path + ".address",
                       fmt::format("more than one backend node is hosted at {}", node.address),
                       "your Praefect configuration may not offer actual redundancy");
      }
    }
  }

  void CheckNodeStorage(const Node& node, const std::string& node_path, const std::string& prefix,
                        std::set<std::string>& names) {
    const std::string key = node_path + ".storage";
    if (node.storage.empty()) {
      findings_.Error(key, prefix + ": all gitaly nodes must have a storage",
                      "add storage = \"NAME\", the name that Gitaly gives its storage", kBlank);
    } else if (!names.insert(node.storage).second) {
      findings_.Error(key, prefix + ": internal gitaly storages are not unique",
                      fmt::format("another node of this virtual storage is named {}", node.storage),
                      kNotUnique);
    }
  }

  void CheckNodeAddress(Node& node, const std::string& node_path, const std::string& prefix) {
    const std::string key = node_path + ".address";
    if (node.address.empty()) {
      findings_.Error(key, prefix + ": all gitaly nodes must have an address",
                      "add address = \"tcp://HOST:8075\"", kBlank);
      return;
    }
    auto address = ParseNodeAddress(node.address);
    if (!address.ok()) {
      findings_.Error(key,
                      fmt::format("{}: invalid connection string: \"{}\"", prefix, node.address),
                      "write tcp://HOST:PORT, tls://HOST:PORT or unix:PATH");
      return;
    }
    const bool unix_path = address->kind == Address::Kind::kUnix;
    if (unix_path) CheckSocketPathLength(key, address->path, findings_);
    if (!unix_path && address->port == 0) AssumePort(*address, key);
    node.address = address->ToString();
  }

  void AssumePort(Address& address, const std::string& key) {
    address.port = kDefaultGitalyPort;
    findings_.Warn(key, fmt::format("no port given, {} is assumed", kDefaultGitalyPort),
                   fmt::format("write {}", address.ToString()));
  }

  void CheckPrimaries(const VirtualStorage& storage, const std::string& path,
                      const std::string& prefix) {
    size_t primaries = 0;
    for (size_t i = 0; i < storage.nodes.size(); ++i) {
      if (!storage.nodes[i].primary || ++primaries < 2) continue;
      findings_.Error(fmt::format("{}node[{}].primary", path, i),
                      prefix + ": only 1 node can be designated as a primary",
                      "write primary = false here");
    }
    if (primaries == 0 && !storage.nodes.empty()) ReportNoPrimary(storage, path + "node");
  }

  void CheckReplicationFactor(const VirtualStorage& storage, const std::string& path) {
    const auto nodes = static_cast<int64_t>(storage.nodes.size());
    if (nodes == 0 || storage.default_replication_factor <= nodes) return;
    findings_.Error(
        path + "default_replication_factor",
        fmt::format("virtual storage \"{}\" has a default replication factor ({}) which "
                    "is higher than the number of storages ({})",
                    storage.name, storage.default_replication_factor, nodes),
        fmt::format("write at most {}", nodes));
  }

  void ReportNoPrimary(const VirtualStorage& storage, const std::string& key) {
    findings_.Warn(key,
                   fmt::format("virtual storage \"{}\": no node is named primary and elections are "
                               "not built yet, so the first node ({}) is the primary",
                               storage.name, storage.nodes.front().storage),
                   "write primary = true at another node to choose it");
  }

  Findings& findings_;
};

}  // namespace

void CheckVirtualStorages(std::vector<VirtualStorage>& storages, Findings& findings) {
  Rules(findings).Check(storages);
}

void CheckSocketPathLength(std::string_view key, const std::string& path, Findings& findings) {
  if (path.size() <= kMaxSocketPath) return;
  findings.Error(key,
                 fmt::format("the path of a unix socket has at most {} bytes, this one has {}",
                             kMaxSocketPath, path.size()),
                 "choose a shorter path");
}

}  // namespace praefect::config
