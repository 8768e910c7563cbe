#include "routing/route.h"

#include <catch2/catch.hpp>

#include <stdexcept>

namespace praefect::routing {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using gitaly::Operation;
using gitaly::Scope;
using nodes::Health;

// Virtual storages "default" (nodes a, b and c, b the primary) and "second" (d).
class Cluster {
 public:
  Cluster() {
    Add("default", {"a", "b", "c"});
    Add("second", {"d"});
    NodeOf("b").primary = NodeOf("d").primary = true;
  }

  void Down(std::string_view storage, std::string reason, std::string_view key) {
    nodes::Node& node = NodeOf(storage);
    node.health = Health::kDown;
    node.reason = std::move(reason);
    node.key_to_check = key;
  }
  void Down(std::string_view storage) { Down(storage, "connection refused", kAddressKey); }
  void Doubt(std::string_view storage, bool suspect) {
    NodeOf(storage).disk = {"id", nodes::DiskDoubt::kFilesystemChanged, suspect, "another disk?"};
  }
  void Unprobed(std::string_view storage) { NodeOf(storage).health = Health::kUnknown; }

  std::variant<Route, Refusal> Choose(const gitaly::Method& method,
                                      const gitaly::RequestTarget& target) const {
    return routing::Choose(snapshot_, method, target);
  }
  Refusal Refused(const gitaly::Method& method, const gitaly::RequestTarget& target) const {
    const auto choice = Choose(method, target);
    REQUIRE(std::holds_alternative<Refusal>(choice));
    CHECK_FALSE(std::get<Refusal>(choice).reason.empty());
    return std::get<Refusal>(choice);
  }
  // Storages that get the call: the one that answers first.
  std::vector<std::string> Routed(const gitaly::Method& method,
                                  const gitaly::RequestTarget& target) const {
    const auto choice = Choose(method, target);
    REQUIRE(std::holds_alternative<Route>(choice));
    const auto& route = std::get<Route>(choice);
    CHECK(route.rewrite.storage_name == route.node->storage);
    CHECK(route.rewrite.target_relative_path.empty());
    CHECK(route.rewrite.additional_relative_path.empty());
    std::vector<std::string> storages{route.node->storage};
    for (const nodes::Node* node : route.also) storages.push_back(node->storage);
    return storages;
  }
  std::vector<std::string> Skipped(const gitaly::Method& method,
                                   const gitaly::RequestTarget& target) const {
    const auto choice = Choose(method, target);
    REQUIRE(std::holds_alternative<Route>(choice));
    std::vector<std::string> storages;
    for (const auto* node : std::get<Route>(choice).skipped) storages.push_back(node->storage);
    return storages;
  }

  static constexpr std::string_view kAddressKey = "virtual_storage.node.address";

 private:
  void Add(const std::string& name, const std::vector<std::string>& storages) {
    nodes::VirtualStorage& storage = snapshot_.virtual_storages.emplace_back();
    storage.name = name;
    for (const std::string& node_name : storages) {
      nodes::Node& node = storage.nodes.emplace_back();
      node.virtual_storage = name;
      node.storage = node_name;
      node.address_text = "tcp://" + node_name + ":8075";
      node.health = Health::kUp;
    }
  }
  nodes::Node& NodeOf(std::string_view storage) {
    for (nodes::VirtualStorage& virtual_storage : snapshot_.virtual_storages) {
      for (nodes::Node& node : virtual_storage.nodes) {
        if (node.storage == storage) return node;
      }
    }
    throw std::out_of_range(std::string(storage));
  }

  nodes::Snapshot snapshot_;
};

gitaly::Method MethodOf(Scope scope, Operation operation,
                        std::string service = "gitaly.SomeService", std::string name = "Do") {
  gitaly::Method method;
  method.path = "/" + service + "/" + name;
  method.service = std::move(service);
  method.name = std::move(name);
  method.operation = operation;
  method.scope = scope;
  return method;
}

const gitaly::Method kAccessor = MethodOf(Scope::kRepository, Operation::kAccessor);
const gitaly::Method kMutator = MethodOf(Scope::kRepository, Operation::kMutator);
const gitaly::Method kMaintenance = MethodOf(Scope::kRepository, Operation::kMaintenance);
const gitaly::Method kStorageAccessor = MethodOf(Scope::kStorage, Operation::kAccessor);
const gitaly::Method kAddNamespace =
    MethodOf(Scope::kStorage, Operation::kMutator, "gitaly.NamespaceService", "AddNamespace");

gitaly::RequestTarget Repository(std::string_view storage, std::string_view path = "r.git") {
  gitaly::RequestTarget target;
  target.target = {true, storage, path};
  return target;
}

gitaly::RequestTarget Storage(std::string_view name) {
  gitaly::RequestTarget target;
  target.storage_name = name;
  return target;
}

using Storages = std::vector<std::string>;

TEST_CASE("every operation on a repository goes to the primary") {
  const Cluster cluster;
  for (const Operation operation :
       {Operation::kAccessor, Operation::kMutator, Operation::kMaintenance, Operation::kUnknown}) {
    const gitaly::Method method = MethodOf(Scope::kRepository, operation);
    CHECK(cluster.Routed(method, Repository("default")) == Storages{"b"});
    CHECK(cluster.Routed(method, Repository("second")) == Storages{"d"});
  }
}

TEST_CASE("the health of other nodes does not matter") {
  Cluster cluster;
  cluster.Down("a");
  cluster.Down("c");
  CHECK(cluster.Routed(kAccessor, Repository("default")) == Storages{"b"});
}

TEST_CASE("a node that was never probed is tried") {
  Cluster cluster;
  cluster.Unprobed("b");
  CHECK(cluster.Routed(kAccessor, Repository("default")) == Storages{"b"});
  CHECK(cluster.Routed(kAddNamespace, Storage("default")) == Storages{"b", "a", "c"});
}

TEST_CASE("a target that names nothing is refused") {
  struct Case {
    gitaly::RequestTarget target;
    std::string message, reason;
  };
  gitaly::RequestTarget absent;
  const Case cases[] = {
      {absent, "repository not set", "repository_not_set"},
      {Repository("", "r.git"), "storage name not set", "storage_not_set"},
      {Repository("", ""), "storage name not set", "storage_not_set"},
      {Repository("default", ""), "repository path not set", "path_not_set"},
      {Repository("other"), "storage name not found", "unknown_virtual_storage"},
      {Repository("a"), "storage name not found", "unknown_virtual_storage"},
      {Repository("Default"), "storage name not found", "unknown_virtual_storage"},
  };
  for (const Case& c : cases) {
    const Refusal refusal = Cluster().Refused(kAccessor, c.target);
    CHECK(refusal.code == absl::StatusCode::kInvalidArgument);
    CHECK(refusal.message == c.message);
    CHECK(refusal.reason == c.reason);
  }
}

TEST_CASE("the hint for an unknown virtual storage names the known ones") {
  CHECK(Cluster().Refused(kAccessor, Repository("other")).hint ==
        R"(no virtual_storage.name is "other"; there are: "default", "second")");
}

TEST_CASE("an additional repository has to be on the same virtual storage") {
  const Cluster cluster;
  gitaly::RequestTarget target = Repository("default");
  target.additional = {true, "default", "pool.git"};
  CHECK(cluster.Routed(kAccessor, target) == Storages{"b"});
  for (const std::string_view elsewhere : {"second", "other", ""}) {
    target.additional = {true, elsewhere, "pool.git"};
    const Refusal refusal = cluster.Refused(kAccessor, target);
    CHECK(refusal.code == absl::StatusCode::kInvalidArgument);
    CHECK(refusal.message ==
          "resolving additional repository on different storage than target repository is not "
          "supported");
  }
}

TEST_CASE("an additional repository needs a path") {
  gitaly::RequestTarget target = Repository("default");
  target.additional = {true, "default", ""};
  CHECK(Cluster().Refused(kAccessor, target).message == "repository path not set");
}

TEST_CASE("storage scope goes to the primary") {
  const Cluster cluster;
  CHECK(cluster.Routed(kStorageAccessor, Storage("default")) == Storages{"b"});
  CHECK(cluster.Refused(kStorageAccessor, Storage("")).message == "storage name not set");
  CHECK(cluster.Refused(kStorageAccessor, Storage("x")).message == "storage name not found");
  CHECK(cluster.Refused(kStorageAccessor, Repository("default")).message == "storage name not set");
}

TEST_CASE("FindRemoteRepository without a storage means the first virtual storage") {
  const Cluster cluster;
  const gitaly::Method method = MethodOf(Scope::kStorage, Operation::kAccessor,
                                         "gitaly.RemoteService", "FindRemoteRepository");
  CHECK(cluster.Routed(method, Storage("")) == Storages{"b"});
  CHECK(cluster.Routed(method, Storage("second")) == Storages{"d"});
  CHECK(cluster.Refused(method, Storage("x")).message == "storage name not found");
}

TEST_CASE("namespace mutators go to every healthy node") {
  Cluster cluster;
  CHECK(cluster.Routed(kAddNamespace, Storage("default")) == Storages{"b", "a", "c"});
  cluster.Down("a");
  CHECK(cluster.Routed(kAddNamespace, Storage("default")) == Storages{"b", "c"});
  cluster.Down("b");
  CHECK(cluster.Routed(kAddNamespace, Storage("default")) == Storages{"c"});
  cluster.Down("c");
  const Refusal refusal = cluster.Refused(kAddNamespace, Storage("default"));
  CHECK(refusal.code == absl::StatusCode::kUnavailable);
  CHECK_THAT(refusal.message,
             StartsWith("all SubCons are in TransientFailure: no healthy nodes: node \"b\""));
}

TEST_CASE("nothing is written to a disk in doubt, reading and maintenance go on") {
  Cluster cluster;
  cluster.Doubt("b", false);
  const Refusal refusal = cluster.Refused(kMutator, Repository("default"));
  CHECK(refusal.code == absl::StatusCode::kUnavailable);
  CHECK_THAT(refusal.message,
             StartsWith("nothing is written to node \"b\" at ") && Contains(": another disk?"));
  CHECK(cluster.Routed(kAccessor, Repository("default")) == Storages{"b"});
  CHECK(cluster.Routed(kMaintenance, Repository("default")) == Storages{"b"});
  cluster.Doubt("b", true);
  CHECK(cluster.Refused(kMutator, Repository("default")).code ==
        absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("namespace mutators leave out nodes whose disk is in doubt") {
  Cluster cluster;
  cluster.Doubt("b", true);
  CHECK(cluster.Routed(kAddNamespace, Storage("default")) == Storages{"a", "c"});
  CHECK(cluster.Skipped(kAddNamespace, Storage("default")) == Storages{"b"});
  cluster.Doubt("a", true), cluster.Down("c");
  CHECK(cluster.Refused(kAddNamespace, Storage("default")).reason == "disk_in_doubt");
}

TEST_CASE("namespace mutators say which nodes they leave out") {
  Cluster cluster;
  CHECK(cluster.Skipped(kAddNamespace, Storage("default")).empty());
  cluster.Down("a");
  CHECK(cluster.Skipped(kAddNamespace, Storage("default")) == Storages{"a"});
  CHECK(cluster.Skipped(kStorageAccessor, Storage("default")).empty());
  cluster.Down("b");
  CHECK(cluster.Skipped(kAddNamespace, Storage("default")) == Storages{"a", "b"});
}

TEST_CASE("NamespaceExists asks the primary alone") {
  const gitaly::Method method =
      MethodOf(Scope::kStorage, Operation::kAccessor, "gitaly.NamespaceService", "NamespaceExists");
  CHECK(Cluster().Routed(method, Storage("default")) == Storages{"b"});
}

TEST_CASE("a primary that is down is unavailable, with node, address and cause") {
  Cluster cluster;
  cluster.Down("b");
  for (const auto& [method, target] : {std::pair{kAccessor, Repository("default")},
                                       std::pair{kStorageAccessor, Storage("default")}}) {
    const Refusal refusal = cluster.Refused(method, target);
    CHECK(refusal.code == absl::StatusCode::kUnavailable);
    CHECK(refusal.message ==
          "all SubCons are in TransientFailure: primary is not healthy: node \"b\" at "
          "tcp://b:8075: connection refused");
    CHECK(refusal.hint ==
          "check virtual_storage.node.address of storage \"b\" in virtual storage \"default\"");
  }
  CHECK(cluster.Routed(kAccessor, Repository("second")) == Storages{"d"});
}

TEST_CASE("the hint follows the cause") {
  Cluster cluster;
  cluster.Down("b", "permission denied", "virtual_storage.node.token");
  CHECK_THAT(cluster.Refused(kAccessor, Repository("default")).hint,
             StartsWith("check virtual_storage.node.token of storage \"b\""));
  cluster.Down("b", "it answers NOT_SERVING", "");
  CHECK_THAT(cluster.Refused(kAccessor, Repository("default")).hint, Contains("log of the Gitaly"));
}

TEST_CASE("what has no node to go to is unimplemented") {
  gitaly::Method not_served = kAccessor;
  not_served.not_served = "it needs a sidechannel";
  const Refusal refusal = Cluster().Refused(not_served, Repository("default"));
  CHECK(refusal.code == absl::StatusCode::kUnimplemented);
  CHECK_THAT(refusal.message, Contains(not_served.path) && Contains("it needs a sidechannel"));
  for (const Scope scope : {Scope::kPartition, Scope::kServer}) {
    const gitaly::Method method = MethodOf(scope, Operation::kAccessor);
    CHECK(Cluster().Refused(method, Storage("default")).code == absl::StatusCode::kUnimplemented);
  }
}

}  // namespace
}  // namespace praefect::routing
