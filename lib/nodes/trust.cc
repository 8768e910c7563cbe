#include "nodes/trust.h"

#include <algorithm>

namespace praefect::nodes {
namespace {

bool HasTls(const config::Node& node) {
  const auto address = config::ParseNodeAddress(node.address);
  return address.ok() && address->kind == config::Address::Kind::kTls;
}

bool AnyHasTls(const config::VirtualStorage& storage) {
  return std::any_of(storage.nodes.begin(), storage.nodes.end(), HasTls);
}

}  // namespace

std::shared_ptr<const net::TlsClientContext> ReadTrust(const config::Config& config,
                                                       observe::Logger& logger) {
  const auto& storages = config.virtual_storages;
  if (std::none_of(storages.begin(), storages.end(), AnyHasTls)) return nullptr;
  auto trust = net::TlsClientContext::Make(config.tls.min_version);
  if (!trust.ok()) {
    const auto message = trust.status().message();
    logger.Error("cannot reach nodes with TLS",
                 {{"error", std::string_view(message.data(), message.size())}});
    return nullptr;
  }
  for (const std::string& warning : (*trust)->warnings()) {
    logger.Warn("part of the trust store cannot be read", {{"error", std::string_view(warning)}});
  }
  return *std::move(trust);
}

void Trust(Snapshot& snapshot, const std::shared_ptr<const net::TlsClientContext>& trust) {
  for (VirtualStorage& storage : snapshot.virtual_storages) {
    for (Node& node : storage.nodes) {
      if (node.address.kind == config::Address::Kind::kTls) node.tls = trust;
    }
  }
}

}  // namespace praefect::nodes
