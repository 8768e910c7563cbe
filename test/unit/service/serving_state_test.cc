#include "service/serving_state.h"

#include <catch2/catch.hpp>
#include <vector>

namespace praefect::service {
namespace {

using nodes::Health;

// Two virtual storages with primaries of these healths; each has a second node, which is up.
nodes::Snapshot Primaries(Health first, Health second) {
  nodes::Snapshot snapshot;
  for (const Health health : {first, second}) {
    nodes::VirtualStorage& storage = snapshot.virtual_storages.emplace_back();
    storage.nodes.resize(2);
    storage.nodes[0].primary = true;
    storage.nodes[0].health = health;
    storage.nodes[1].health = Health::kUp;
  }
  return snapshot;
}

bool ServesWith(Health first, Health second) {
  ServingState state;
  state.SetBooksUsable();
  state.Update(Primaries(first, second));
  return state.serving();
}

TEST_CASE("one healthy primary is enough to serve") {
  CHECK(ServesWith(Health::kUp, Health::kUp));
  CHECK(ServesWith(Health::kDown, Health::kUp));
  CHECK_FALSE(ServesWith(Health::kDown, Health::kDown));
  CHECK_FALSE(ServesWith(Health::kUnknown, Health::kDown));
  CHECK_FALSE(ServingState().serving());
}

TEST_CASE("without the books it does not serve, and with them it does") {
  ServingState state;
  state.Update(Primaries(Health::kUp, Health::kUp));
  CHECK_FALSE(state.serving());
  state.SetBooksUsable();
  CHECK(state.serving());
}

TEST_CASE("what drains does not serve, whatever the nodes do") {
  ServingState state;
  state.SetBooksUsable();
  state.SetDraining();
  state.Update(Primaries(Health::kUp, Health::kUp));
  CHECK_FALSE(state.serving());
}

TEST_CASE("watchers hear the present state and every change") {
  ServingState state;
  state.SetBooksUsable();
  std::vector<bool> heard;
  state.Watch([&](bool serving) { heard.push_back(serving); });
  state.Update(Primaries(Health::kUp, Health::kUp));
  state.Update(Primaries(Health::kUp, Health::kDown));
  state.SetDraining();
  CHECK(heard == std::vector<bool>{false, true, false});
}

TEST_CASE("who stops watching hears nothing more") {
  ServingState state;
  int heard = 0;
  state.Unwatch(state.Watch([&](bool) { ++heard; }));
  state.Update(Primaries(Health::kUp, Health::kUp));
  CHECK(heard == 1);
}

}  // namespace
}  // namespace praefect::service
