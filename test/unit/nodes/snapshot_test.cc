#include "nodes/snapshot.h"

#include <catch2/catch.hpp>

#include "nodes/manager.h"

namespace praefect::nodes {
namespace {

config::Config TwoVirtualStorages() {
  config::Config config;
  config.virtual_storages = {
      {"default", 0, {{"a", "tcp://10.0.0.1:8075", "", false}, {"b", "unix:/b", "s", true}}},
      {"other", 0, {{"c", "tcp://10.0.0.3:8075", "", false}, {"d", "bad", "", false}}}};
  return config;
}

TEST_CASE("nodes keep the order of the file and get dense ids") {
  const Snapshot snapshot = InitialSnapshot(TwoVirtualStorages());
  uint32_t id = 0;
  std::string storages;
  for (const VirtualStorage& storage : snapshot.virtual_storages) {
    for (const Node& node : storage.nodes) {
      CHECK(node.id == id++);
      CHECK(node.virtual_storage == storage.name);
      storages += node.storage;
    }
  }
  CHECK(storages == "abcd");
}

TEST_CASE("the primary is the designated node, or the first") {
  const Snapshot snapshot = InitialSnapshot(TwoVirtualStorages());
  CHECK(snapshot.Find("default")->primary().storage == "b");
  CHECK(snapshot.Find("other")->primary().storage == "c");
  CHECK(snapshot.Find("other")->nodes[0].primary);
  CHECK(snapshot.Find("nobody") == nullptr);
}

TEST_CASE("a node that was never probed is routable, one without an address is not") {
  const Snapshot snapshot = InitialSnapshot(TwoVirtualStorages());
  const Node& good = snapshot.Find("default")->nodes[0];
  const Node& bad = snapshot.Find("other")->nodes[1];
  CHECK(good.health == Health::kUnknown);
  CHECK(good.routable());
  CHECK(good.address.port == 8075);
  CHECK_FALSE(bad.routable());
  CHECK(bad.key_to_check == "virtual_storage.node.address");
}

}  // namespace
}  // namespace praefect::nodes
