// Any bytes as config.toml: never a crash, always a configuration or a reason.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/address.h"
#include "config/load.h"

namespace praefect::config {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckConfig(const Config& config) {
  Require(!config.listen_addr.empty() || !config.socket_path.empty() ||
          !config.tls_listen_addr.empty());
  Require(config.graceful_stop_delay.count() >= 0);
  Require(config.graceful_stop_timeout.count() >= 0);
  Require(config.keepalive_timeout.count() > 0);
  Require(!config.embedded_store.path.empty());
  Require(!config.virtual_storages.empty());
  for (const VirtualStorage& storage : config.virtual_storages) {
    Require(!storage.name.empty() && !storage.nodes.empty());
    for (const Node& node : storage.nodes) {
      const auto address = ParseNodeAddress(node.address);
      Require(address.ok() && address->ToString() == node.address);
    }
  }
}

void CheckResult(const LoadResult& result) {
  Require(result.config.has_value() == result.errors.empty());
  Require(result.headline.empty() == result.errors.empty());
  if (result.config) CheckConfig(*result.config);
  for (const Problem& problem : result.errors) Require(!problem.ToString().empty());
  for (const Problem& problem : result.warnings) Require(!problem.ToString().empty());
}

}  // namespace
}  // namespace praefect::config

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  praefect::config::CheckResult(praefect::config::LoadText(text, "fuzz.toml"));
  return 0;
}
