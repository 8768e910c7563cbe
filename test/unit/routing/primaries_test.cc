#include "routing/primaries.h"

#include <catch2/catch.hpp>

#include "datastore/rules.h"

namespace praefect::routing {
namespace {

using Catch::Matchers::Contains;
using nodes::Health;

// Storages a, b and c, all current; the primary is a, the designated storage b.
struct Primaries {
  Primaries() {
    for (const char* name : {"a", "b", "c"}) {
      nodes::Node& node = storage.nodes.emplace_back();
      node.storage = name;
      node.health = Health::kUp;
      node.reason = "down";
    }
    storage.designated = "b";
    repository.storages = {"a", "b", "c"};
    repository.books.primary = 0;
    repository.books.replicas.resize(3);
    for (datastore::Replica& replica : repository.books.replicas) {
      replica = {.row = true, .generation = 0, .verified = true};
    }
  }

  datastore::Replica& Replica(int position) { return repository.books.replicas[position]; }
  void Down(int position) { storage.nodes[position].health = Health::kDown; }
  // One acknowledged write that only these have.
  void Write(std::initializer_list<int> holders) {
    repository.books.generation = repository.books.acknowledged = 1;
    for (const int holder : holders) Replica(holder).generation = 1;
  }
  PrimaryChoice Choose() const { return ChoosePrimary(storage, repository); }
  // "moves b", "promotes b", "stays", or the reason of a refusal.
  std::string What() const {
    const PrimaryChoice choice = Choose();
    switch (choice.kind) {
      case PrimaryChoice::kStays:
        return "stays";
      case PrimaryChoice::kMoves:
        return "moves " + choice.storage;
      case PrimaryChoice::kPromoted:
        return (choice.unproven ? "promotes unproven " : "promotes ") + choice.storage;
      case PrimaryChoice::kNobody:
        break;
    }
    return std::string(choice.refusal.reason);
  }

  nodes::VirtualStorage storage;
  datastore::Repository repository;
};

TEST_CASE("a healthy primary stays, or moves to the designated storage") {
  Primaries primaries;
  CHECK(primaries.What() == "moves b");
  primaries.storage.designated = "a";
  CHECK(primaries.What() == "stays");
  primaries.storage.designated = "";
  CHECK(primaries.What() == "stays");
}

TEST_CASE("a move that cannot come soon holds nobody") {
  Primaries primaries;
  SECTION("the designated storage is down") { primaries.Down(1); }
  SECTION("nothing is known of it yet") { primaries.storage.nodes[1].health = Health::kUnknown; }
  SECTION("its disk is in doubt") {
    primaries.storage.nodes[1].disk.doubt = nodes::DiskDoubt::kFilesystemChanged;
  }
  SECTION("it is not configured here") { primaries.storage.designated = "d"; }
  SECTION("it holds nothing") { primaries.Replica(1).generation = datastore::kNoClaim; }
  SECTION("its copies fail") { primaries.Replica(1).job.state = datastore::JobState::kParked; }
  SECTION("the repository is not assigned to it") { primaries.repository.assignments = {"a", "c"}; }
  CHECK(primaries.What() == "stays");
}

TEST_CASE("a move waits for open writes and for what the designated storage lacks") {
  Primaries primaries;
  CHECK(MayMoveNow(primaries.repository, "b"));
  SECTION("a write is open") { primaries.repository.books.intents.push_back({.id = 1}); }
  SECTION("it is behind") { primaries.Write({0, 2}); }
  SECTION("a copy runs there") { primaries.Replica(1).job.state = datastore::JobState::kRunning; }
  SECTION("it was never compared") { primaries.Replica(1).verified = false; }
  CHECK(primaries.What() == "moves b");
  CHECK_FALSE(MayMoveNow(primaries.repository, "b"));
}

TEST_CASE("a dead primary is the operator's: nobody else takes over unless designated") {
  Primaries primaries;
  primaries.storage.designated = "a";
  primaries.Down(0);
  CHECK(primaries.What() == "stays");
}

TEST_CASE("the designated storage takes over from a dead primary when it is complete") {
  Primaries primaries;
  const bool left = GENERATE(true, false);
  if (left) primaries.storage.nodes.erase(primaries.storage.nodes.begin());
  if (!left) primaries.Down(0);
  CHECK(primaries.What() == "promotes b");
  primaries.repository.books.intents.push_back({.id = 1});  // of the dead one: not waited for
  CHECK(primaries.What() == "promotes b");
  primaries.repository.books.generation = 1;  // a write that nobody was told about
  CHECK(primaries.What() == "promotes b");
}

TEST_CASE("an incomplete one does not, and the refusal says what to do") {
  Primaries primaries;
  primaries.Write({0, 2});
  primaries.Down(0);
  CHECK(primaries.What() == "designated_incomplete");
  const Refusal refusal = primaries.Choose().refusal;
  CHECK(refusal.code == absl::StatusCode::kFailedPrecondition);
  CHECK_THAT(refusal.message,
             Contains("storage \"b\", which is designated now, does not hold every "
                      "acknowledged write") &&
                 Contains("bring one back that does (\"a\", \"c\")"));
}

TEST_CASE("a designated storage that cannot take over now is said to be tried again") {
  Primaries primaries;
  primaries.Down(0);
  SECTION("a copy runs there") {
    primaries.Replica(1).job.state = datastore::JobState::kRunning;
    CHECK(primaries.What() == "no_primary");
  }
  SECTION("it was never compared, and another one was") {
    primaries.Replica(1).verified = false;
    CHECK(primaries.What() == "no_primary");
    primaries.Down(2);
    CHECK(primaries.What() == "promotes unproven b");
    return;
  }
  SECTION("it is down") {
    primaries.Down(1);
    CHECK(primaries.What() == "primary_not_healthy");
  }
  CHECK(primaries.Choose().refusal.code == absl::StatusCode::kUnavailable);
}

TEST_CASE("a repository without primary gets one at once, the designated one first") {
  Primaries primaries;
  primaries.repository.books.primary = datastore::kNoStorage;
  CHECK(primaries.What() == "promotes b");
  primaries.Replica(1).generation = datastore::kNoClaim;
  CHECK(primaries.What() == "promotes a");
  primaries.Replica(0).verified = false;
  CHECK(primaries.What() == "promotes c");
  primaries.Down(2);
  CHECK(primaries.What() == "promotes unproven a");
  primaries.Down(0);
  CHECK(primaries.What() == "no_primary");
  for (int position : {0, 1, 2}) primaries.Replica(position).generation = datastore::kNoClaim;
  CHECK(primaries.What() == "designated_incomplete");
}

TEST_CASE("where the designated storage is not assigned, another one that is takes over") {
  Primaries primaries;
  primaries.repository.assignments = {"a", "c"};
  primaries.Down(0);
  CHECK(primaries.What() == "promotes c");
}

// All small states: whoever is chosen may be promoted by the rules, is healthy, and the designated
// one unless there is no primary.
TEST_CASE("in every state only who is healthy and complete is chosen") {
  Primaries p;
  datastore::Books& books = p.repository.books;
  int chosen = 0;
  for (int state = 0; state < 4 * 27 * 2 * 8 * 4 * 2; state++) {
    int rest = state;
    const auto take = [&rest](int of) { return std::exchange(rest, rest / of) % of; };
    books.primary = take(4) - 1;
    for (datastore::Replica& replica : books.replicas) replica.generation = take(3) - 1;
    books.generation = 1;
    books.acknowledged = take(2);
    for (nodes::Node& node : p.storage.nodes) {
      node.health = take(2) == 0 ? Health::kUp : Health::kDown;
    }
    p.storage.designated = std::array{"", "a", "b", "c"}[take(4)];
    p.Replica(1).verified = take(2) == 0;
    const PrimaryChoice choice = p.Choose();
    if (choice.kind != PrimaryChoice::kPromoted) continue;
    ++chosen;
    const int position = p.repository.Position(choice.storage);
    CHECK(datastore::MayPromote(books, position));
    CHECK(p.storage.nodes[position].health == Health::kUp);
    const bool orphan = books.primary == datastore::kNoStorage;
    CHECK((orphan || choice.storage == p.storage.designated));
    if (!orphan) CHECK(p.storage.nodes[books.primary].health == Health::kDown);
  }
  CHECK(chosen > 0);
}

}  // namespace
}  // namespace praefect::routing
