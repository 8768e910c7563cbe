#include "nodes/membership.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace praefect::nodes {
namespace {

using Storages = std::vector<config::VirtualStorage>;

Storages TwoVirtualStorages() {
  return {{"default", 0, {{"a", "tcp://10.0.0.1:8075", "", false}, {"b", "unix:/b", "s", true}}},
          {"other", 0, {{"c", "tcp://10.0.0.3:8075", "", false}, {"d", "bad", "", false}}}};
}

Snapshot FirstNodes() {
  uint32_t next_id = 0;
  return NodesOf(TwoVirtualStorages(), {}, next_id);
}

// What a reload makes of four nodes that are all healthy.
struct Reloaded {
  explicit Reloaded(const Storages& storages) {
    for (VirtualStorage& storage : before.virtual_storages) {
      for (Node& node : storage.nodes) node.health = Health::kUp;
    }
    after = NodesOf(storages, before, next_id);
  }
  const Node& Of(const std::string& virtual_storage, size_t index) const {
    return after.Find(virtual_storage)->nodes.at(index);
  }
  Snapshot before = FirstNodes(), after;
  uint32_t next_id = 4;
};

TEST_CASE("nodes keep the order of the file and get dense ids") {
  const Snapshot snapshot = FirstNodes();
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
  const Snapshot snapshot = FirstNodes();
  CHECK(snapshot.Find("default")->primary().storage == "b");
  CHECK(snapshot.Find("other")->primary().storage == "c");
  CHECK(snapshot.Find("other")->nodes[0].primary);
  CHECK(snapshot.Find("nobody") == nullptr);
}

TEST_CASE("a node that was never probed is routable, one without an address is not") {
  const Snapshot snapshot = FirstNodes();
  const Node& good = snapshot.Find("default")->nodes[0];
  const Node& bad = snapshot.Find("other")->nodes[1];
  CHECK(good.health == Health::kUnknown);
  CHECK(good.routable());
  CHECK(good.address.port == 8075);
  CHECK_FALSE(bad.routable());
  CHECK(bad.key_to_check == "virtual_storage.node.address");
}

TEST_CASE("who stays keeps its id and what is known of it") {
  const Reloaded same(TwoVirtualStorages());
  for (const VirtualStorage& storage : same.after.virtual_storages) {
    for (const Node& node : storage.nodes) {
      CHECK(node.health == Health::kUp);
      CHECK(node.traffic == same.before.FindNode(node.id)->traffic);
      CHECK(node.storage == same.before.FindNode(node.id)->storage);
    }
  }
  CHECK(same.next_id == 4);
}

TEST_CASE("another token or primary does not make another node") {
  Storages storages = TwoVirtualStorages();
  storages[0].nodes[0] = {"a", "tcp://10.0.0.1:8075", "new", true};
  storages[0].nodes[1].primary = false;
  const Reloaded reloaded(storages);
  CHECK(reloaded.Of("default", 0).id == 0);
  CHECK(reloaded.Of("default", 0).token == "new");
  CHECK(reloaded.after.Find("default")->primary().storage == "a");
  CHECK_FALSE(reloaded.Of("default", 1).primary);
}

TEST_CASE("another address is another node, and its id is new") {
  Storages storages = TwoVirtualStorages();
  storages[0].nodes[0].address = "tcp://10.0.0.9:8075";
  const Reloaded reloaded(storages);
  CHECK(reloaded.Of("default", 0).id == 4);
  CHECK(reloaded.Of("default", 0).health == Health::kUnknown);
  CHECK(reloaded.after.FindNode(0) == nullptr);
  CHECK(reloaded.Of("default", 1).id == 1);
}

TEST_CASE("what the books designate counts, where there is such a node, and outlives a reload") {
  Snapshot snapshot = FirstNodes();
  CHECK(snapshot.Find("default")->designated_by_file == "b");
  CHECK(snapshot.Find("other")->designated_by_file.empty());
  CHECK(Designate(snapshot, {{"default", "a"}, {"nobody", "x"}}));
  CHECK_FALSE(Designate(snapshot, {{"default", "a"}}));
  CHECK(snapshot.Find("default")->primary().storage == "a");
  uint32_t next_id = 4;
  snapshot = NodesOf(TwoVirtualStorages(), snapshot, next_id);
  CHECK(snapshot.Find("default")->primary().storage == "a");
  CHECK(snapshot.Find("default")->designated_by_file == "b");
  CHECK(Designate(snapshot, {{"default", "gone"}}));
  CHECK(snapshot.Find("default")->primary().storage == "b");
}

TEST_CASE("who comes back after leaving is a stranger") {
  Storages fewer = TwoVirtualStorages();
  fewer.pop_back();
  Reloaded reloaded(fewer);
  CHECK(reloaded.after.Find("other") == nullptr);
  const Snapshot again = NodesOf(TwoVirtualStorages(), reloaded.after, reloaded.next_id);
  CHECK(again.Find("other")->nodes[0].id == 4);
  CHECK(again.Find("other")->nodes[1].id == 5);
}

TEST_CASE("the same storage of another virtual storage is another node") {
  Storages storages = TwoVirtualStorages();
  storages[0].name = "renamed";
  const Reloaded reloaded(storages);
  CHECK(reloaded.Of("renamed", 0).id == 4);
}

}  // namespace
}  // namespace praefect::nodes
