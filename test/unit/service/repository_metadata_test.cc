#include "service/repository_metadata.h"

#include <catch2/catch.hpp>

namespace praefect::service {
namespace {

using datastore::Repository;

nodes::Snapshot Nodes() {
  nodes::Snapshot snapshot;
  auto& storage = snapshot.virtual_storages.emplace_back();
  storage.name = "default";
  for (const char* name : {"c", "a", "b"}) {
    nodes::Node& node = storage.nodes.emplace_back();
    node.storage = name;
    node.health = nodes::Health::kUp;
  }
  return snapshot;
}

// The primary on a, b one change behind, c without a row.
Repository Made() {
  Repository repository;
  repository.id = 48;
  repository.name = {"default", "p.git"};
  repository.replica_path = "@cluster/repositories/98/01/48";
  repository.storages = {"a", "b"};
  repository.books.generation = 3;
  repository.books.acknowledged = 3;
  repository.books.primary = 0;
  repository.books.replicas.resize(2);
  repository.books.replicas[0] = {.row = true, .generation = 3};
  repository.books.replicas[1] = {.row = true, .generation = 2};
  return repository;
}

TEST_CASE("a repository is told with its replicas, by name") {
  const auto told = MetadataOf(Made(), {}, Nodes());
  CHECK(told.repository_id() == 48);
  CHECK(told.relative_path() == "p.git");
  CHECK(told.replica_path() == "@cluster/repositories/98/01/48");
  CHECK(told.primary() == "a");
  CHECK(told.generation() == 3);
  REQUIRE(told.replicas_size() == 3);
  CHECK(told.replicas(0).storage() == "a");
  CHECK(told.replicas(1).generation() == 2);
  CHECK(told.replicas(2).storage() == "c");
  CHECK(told.replicas(2).generation() == -1);
}

TEST_CASE("who could be the primary holds all that was acknowledged, on a healthy node") {
  nodes::Snapshot snapshot = Nodes();
  Repository repository = Made();
  const auto told = MetadataOf(repository, {}, snapshot);
  CHECK(told.replicas(0).valid_primary());
  CHECK_FALSE(told.replicas(1).valid_primary());
  CHECK_FALSE(told.replicas(2).valid_primary());
  repository.books.acknowledged = 2;
  CHECK(MetadataOf(repository, {}, snapshot).replicas(1).valid_primary());
  for (nodes::Node& node : snapshot.virtual_storages[0].nodes) node.health = nodes::Health::kDown;
  const auto down = MetadataOf(repository, {}, snapshot);
  CHECK_FALSE(down.replicas(0).healthy());
  CHECK_FALSE(down.replicas(0).valid_primary());
}

TEST_CASE("what is assigned elsewhere is told, and what left the configuration") {
  Repository repository = Made();
  repository.assignments = {"a", "gone"};
  repository.storages.push_back("gone");
  repository.books.replicas.push_back({.row = true, .generation = 1});
  const auto told = MetadataOf(repository, {}, Nodes());
  REQUIRE(told.replicas_size() == 3);
  CHECK(told.replicas(0).assigned());
  CHECK_FALSE(told.replicas(1).assigned());
  CHECK(told.replicas(2).storage() == "gone");
  CHECK_FALSE(told.replicas(2).assigned());
  CHECK_FALSE(told.replicas(2).healthy());
}

TEST_CASE("the time of a proof is told to the millisecond") {
  const auto time =
      std::chrono::system_clock::time_point(std::chrono::milliseconds(1'763'780'941'611));
  const auto told = MetadataOf(Made(), {{"a", time}}, Nodes());
  CHECK(told.replicas(0).verified_at().seconds() == 1'763'780'941);
  CHECK(told.replicas(0).verified_at().nanos() == 611'000'000);
  CHECK_FALSE(told.replicas(1).has_verified_at());
}

}  // namespace
}  // namespace praefect::service
