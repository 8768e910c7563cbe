#include <catch2/catch.hpp>

#include <optional>

#include "datastore/rules.h"
#include "routing/route.h"

namespace praefect::routing {
namespace {

using Catch::Matchers::Contains;
using datastore::Repository;
using datastore::RepositoryState;
using gitaly::Operation;
using nodes::Health;

// Virtual storage "default" with the storages a, b and c, and a live repository whose primary is a.
struct ByBooks {
  ByBooks() {
    nodes::VirtualStorage& storage = snapshot.virtual_storages.emplace_back();
    storage.name = "default";
    for (const char* name : {"a", "b", "c"}) {
      nodes::Node& node = storage.nodes.emplace_back();
      node.virtual_storage = "default";
      node.storage = name;
      node.address_text = std::string("tcp://") + name + ":8075";
      node.health = Health::kUp;
    }
    target = Make("x.git");
    additional = Make("pool.git");
    request.target = {true, "default", "x.git"};
  }

  static Repository Make(const std::string& path) {
    Repository made;
    made.id = 7;
    made.name = {"default", path};
    made.replica_path = path;
    made.storages = {"a", "b", "c"};
    made.books.primary = 0;
    made.books.replicas.resize(3);
    for (datastore::Replica& replica : made.books.replicas) {
      replica.row = replica.verified = true;
      replica.generation = 0;
    }
    return made;
  }

  nodes::Node& Node(int position) {
    return snapshot.virtual_storages[0].nodes[static_cast<size_t>(position)];
  }
  void AskAdditional() { request.additional = {true, "default", "pool.git"}; }

  auto Choose(Operation operation, gitaly::Naming naming = gitaly::Naming::kNone) const {
    gitaly::Method method;
    method.path = "/gitaly.Service/Method";
    method.operation = operation;
    method.naming = naming;
    const Booked booked{known ? &target : nullptr, known_additional ? &additional : nullptr, stays};
    return ChooseByBooks(snapshot, method, request, booked, operation == Operation::kMutator);
  }
  Route To(Operation operation) const { return std::get<Route>(Choose(operation)); }
  Refusal Refused(Operation operation) const {
    auto refusal = std::get<Refusal>(Choose(operation));
    CHECK_FALSE(refusal.reason.empty());
    return refusal;
  }
  bool NeedsAName(Operation operation, gitaly::Naming naming = gitaly::Naming::kNone) const {
    return std::holds_alternative<NeedsName>(Choose(operation, naming));
  }

  nodes::Snapshot snapshot;
  Repository target, additional;
  bool known = true, known_additional = true, stays = false;
  gitaly::RequestTarget request;
};

constexpr auto kRead = Operation::kAccessor;
constexpr auto kWrite = Operation::kMutator;
constexpr auto kTidy = Operation::kMaintenance;

TEST_CASE("reads and writes go to the repository's primary") {
  ByBooks books;
  books.target.books.primary = 1;
  for (const Operation operation : {kRead, kWrite, kTidy}) {
    const Route route = books.To(operation);
    CHECK(route.node->storage == "b");
    CHECK(route.rewrite.storage_name == "b");
    CHECK(route.rewrite.target_relative_path.empty());
  }
}

TEST_CASE("paths are rewritten to replica paths, each by its own") {
  ByBooks books;
  books.target.replica_path = "@cluster/repositories/1";
  books.AskAdditional();
  books.additional.replica_path = "@cluster/pools/2";
  const Route route = books.To(kWrite);
  CHECK(route.rewrite.target_relative_path == "@cluster/repositories/1");
  CHECK(route.rewrite.additional_relative_path == "@cluster/pools/2");
}

TEST_CASE("a write waits for its primary, a read does not") {
  ByBooks books;
  books.Node(0).health = Health::kDown;
  CHECK(books.Refused(kWrite).reason == "primary_not_healthy");
  CHECK(books.Refused(kTidy).reason == "primary_not_healthy");
  CHECK(books.To(kRead).node->storage == "b");
  books.Node(1).degraded = "fails calls";
  CHECK(books.To(kRead).node->storage == "c");
}

TEST_CASE("nothing is written to a disk in doubt, and it is read") {
  ByBooks books;
  books.Node(0).disk = {"id", nodes::DiskDoubt::kFilesystemChanged, false, "another disk?"};
  CHECK(books.Refused(kWrite).reason == "disk_in_doubt");
  CHECK(books.To(kRead).node->storage == "a");
}

TEST_CASE("a repository without primary is read where it is complete") {
  ByBooks books;
  const bool left = GENERATE(true, false);  // its storage left the configuration
  CAPTURE(left);
  if (left) books.target.storages[0] = "gone";
  if (!left) books.target.books.primary = datastore::kNoStorage;
  if (left) CHECK(books.Refused(kWrite).reason == "no_primary");
  if (!left) CHECK_FALSE(std::get<NeedsPrimary>(books.Choose(kWrite)).planned);
  CHECK(books.Refused(kTidy).reason == "no_primary");
  CHECK(books.To(kRead).node->storage != "gone");
  for (int position : {0, 1, 2}) books.Node(position).health = Health::kDown;
  CHECK(books.Refused(kRead).reason == "no_primary");
}

TEST_CASE("a write waits where another primary is designated, and goes on where that stays") {
  ByBooks books;
  books.snapshot.virtual_storages[0].designated = "b";
  CHECK(std::get<NeedsPrimary>(books.Choose(kWrite)).planned);
  CHECK(books.To(kRead).node->storage == "a");
  CHECK(books.To(kTidy).node->storage == "a");
  books.stays = true;
  CHECK(books.To(kWrite).node->storage == "a");
  books.Node(0).health = Health::kDown;
  CHECK(books.Refused(kWrite).reason == "no_primary");
  books.stays = false;
  CHECK_FALSE(std::get<NeedsPrimary>(books.Choose(kWrite)).planned);
}

TEST_CASE("an additional repository must be current where a write goes") {
  ByBooks books;
  books.AskAdditional();
  books.additional.books.generation = 1;
  books.additional.books.replicas[1].generation = 1;
  const Refusal refusal = books.Refused(kWrite);
  CHECK(refusal.reason == "replica_not_current");
  CHECK_THAT(refusal.message, Contains("additional repository"));
  books.target.books.primary = 1;
  CHECK(books.To(kWrite).node->storage == "b");
}

TEST_CASE("what the books do not know, or what is about names, is not one repository's route") {
  ByBooks books;
  SECTION("the target is not known") { books.known = false; }
  SECTION("it is being created") { books.target.books.state = RepositoryState::kCreating; }
  SECTION("it is being removed") { books.target.books.state = RepositoryState::kRemoving; }
  SECTION("the additional repository is not known") {
    books.AskAdditional();
    books.known_additional = false;
    CHECK_FALSE(books.NeedsAName(kRead));
    CHECK(books.NeedsAName(kWrite));
    return;
  }
  SECTION("calls that end a name") {
    CHECK(books.NeedsAName(kWrite, gitaly::Naming::kRemoves));
    CHECK(books.NeedsAName(kWrite, gitaly::Naming::kRenames));
    CHECK_FALSE(books.NeedsAName(kWrite, gitaly::Naming::kCreates));
    return;
  }
  CHECK(books.NeedsAName(kRead));
  CHECK(books.NeedsAName(kWrite));
}

TEST_CASE("the books are asked of repositories in virtual storages that there are") {
  ByBooks books;
  gitaly::Method method;
  method.scope = gitaly::Scope::kRepository;
  CHECK(AsksBooks(books.snapshot, method, books.request));
  books.request.target.storage_name = "other";
  CHECK_FALSE(AsksBooks(books.snapshot, method, books.request));
  books.request.target = {true, "default", ""};
  CHECK_FALSE(AsksBooks(books.snapshot, method, books.request));
  books.request.target.relative_path = "x.git";
  method.scope = gitaly::Scope::kStorage;
  CHECK_FALSE(AsksBooks(books.snapshot, method, books.request));
}

// All small states: primary, generations, what was acknowledged, where a call is unsettled, and
// which nodes are up.
TEST_CASE(
    "in every state reads and writes go where they may, and nowhere only when there is none") {
  ByBooks b;
  datastore::Books& books = b.target.books;
  int states = 0, refused = 0;
  const auto check = [&] {
    states++;
    const bool up = books.primary >= 0 && b.Node(books.primary).routable();
    const auto write = b.Choose(kWrite);
    const bool may_write = up && datastore::MayOpen(books, books.primary, books.term);
    CHECK(std::holds_alternative<Route>(write) == may_write);
    if (may_write) CHECK(std::get<Route>(write).node == &b.Node(books.primary));

    bool anywhere = up, current = false;
    for (int i = 0; i < 3; i++) {
      const bool may = b.Node(i).routable() && datastore::MayReadWithoutPrimary(books, i);
      anywhere = anywhere || may;
      current = current || (may && datastore::IsCurrent(books, i));
    }
    const auto read = b.Choose(kRead);
    CHECK(std::holds_alternative<Route>(read) == anywhere);
    refused += anywhere ? 0 : 1;
    if (!anywhere) return;
    const auto to = static_cast<int>(std::get<Route>(read).node - &b.Node(0));
    CHECK((up ? to == books.primary : b.Node(to).routable()));
    if (!up) CHECK(datastore::MayReadWithoutPrimary(books, to));
    if (!up && current) CHECK(datastore::IsCurrent(books, to));
  };
  for (int state = 0; state < 4 * 27 * 3 * 4 * 8; state++) {
    int rest = state;
    const auto take = [&rest](int of) { return std::exchange(rest, rest / of) % of; };
    books.primary = take(4) - 1;
    for (datastore::Replica& replica : books.replicas) replica.generation = take(3) - 1;
    books.generation = 1;
    books.acknowledged = take(3) / 2;
    books.intents.clear();
    if (const int on = take(4) - 1; on >= 0) books.intents.push_back({.id = 1, .storage = on});
    for (int i = 0; i < 3; i++) b.Node(i).health = take(2) == 0 ? Health::kUp : Health::kDown;
    check();
  }
  CHECK(states == 10'368);
  CHECK(refused > 0);
}

}  // namespace
}  // namespace praefect::routing
