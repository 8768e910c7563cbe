#include "nodes/disk_tracker.h"

#include <catch2/catch.hpp>

namespace praefect::nodes {
namespace {

using Catch::Matchers::Contains;

// The storage "a" of a node that is read every five seconds.
struct Storage {
  // What the books say of it; empty: nothing yet.
  explicit Storage(const std::string& expected = "one") {
    if (!expected.empty()) tracker.Expect(now, expected);
  }
  void Reads(const std::string& id) { Reads({{"a", id}}, 0); }
  void Serves(const std::string& other) { Reads({{other, "x"}}, 0); }
  void Reads(std::vector<ServerFacts::Storage> storages, int) {
    now += std::chrono::milliseconds(5'000);
    tracker.Observe(now, {"13.12.0", "2.31.1", std::move(storages)}, "a");
  }
  const Disk& disk() const { return tracker.disk(); }
  DiskTracker tracker;
  std::chrono::milliseconds now{0};
};

TEST_CASE("a disk that nobody can tell is written to, until it tells an id") {
  Storage storage("");
  storage.Reads("");
  CHECK(storage.disk() == Disk{"", DiskDoubt::kNone, false, ""});
  storage.Reads("one");
  CHECK(storage.disk().doubt == DiskDoubt::kNotCompared);
}

TEST_CASE("one differing reading is a doubt, three over ten seconds make it suspect") {
  Storage storage;
  storage.Reads("one"), storage.Reads("two");
  CHECK(storage.disk().doubt == DiskDoubt::kFilesystemChanged);
  CHECK_THAT(storage.disk().text, Contains("was one and is two"));
  storage.Reads("two");
  CHECK_FALSE(storage.disk().suspect);
  storage.Reads("two");
  CHECK(storage.disk().suspect);
}

TEST_CASE("only the id of before ends it") {
  Storage storage;
  for (const char* id : {"one", "two", "two", "two", "", "three", "two"}) storage.Reads(id);
  CHECK(storage.disk().suspect);
  storage.Reads("one");
  CHECK(storage.disk() == Disk{"one", DiskDoubt::kNone, false, ""});
}

TEST_CASE("three readings in a hurry are not enough") {
  DiskTracker tracker;
  tracker.Expect(std::chrono::milliseconds(0), "one");
  tracker.Observe(std::chrono::milliseconds(0), {"", "", {{"a", "one"}}}, "a");
  for (int i = 1; i < 10; i++) {
    tracker.Observe(std::chrono::milliseconds(i * 1'000), {"", "", {{"a", "two"}}}, "a");
  }
  CHECK_FALSE(tracker.disk().suspect);
}

TEST_CASE("a storage that the node does not serve is a doubt until it does") {
  Storage storage;
  storage.Serves("b");
  CHECK(storage.disk().doubt == DiskDoubt::kStorageMissing);
  CHECK_THAT(storage.disk().text, Contains("serves no storage \"a\"; its first one is \"b\""));
  storage.Reads("");
  CHECK(storage.disk().doubt == DiskDoubt::kNone);
}

TEST_CASE("a node that names no storages says nothing") {
  Storage storage;
  storage.Reads({}, 0);
  CHECK(storage.disk().doubt == DiskDoubt::kNotCompared);
  storage.Reads("one"), storage.Reads({}, 0);
  CHECK(storage.disk().doubt == DiskDoubt::kNone);
}

TEST_CASE("what the books do not name yet is not written to, whichever disk it is") {
  Storage storage("");
  CHECK(storage.disk().doubt == DiskDoubt::kNotCompared);
  storage.Reads("one");
  CHECK(storage.disk().doubt == DiskDoubt::kNotCompared);
  CHECK(storage.disk().filesystem_id == "one");
  storage.tracker.Expect(storage.now, "one");
  CHECK(storage.disk() == Disk{"one", DiskDoubt::kNone, false, ""});
}

TEST_CASE("another disk than the books name is a doubt from the first reading on") {
  Storage storage;
  CHECK(storage.disk().doubt == DiskDoubt::kNotCompared);
  storage.Reads("two");
  CHECK(storage.disk().doubt == DiskDoubt::kFilesystemChanged);
  CHECK(storage.disk().found == "two");
  storage.Reads("two"), storage.Reads("two");
  CHECK(storage.disk().suspect);
  storage.tracker.Expect(storage.now, "two");
  CHECK(storage.disk() == Disk{"two", DiskDoubt::kNone, false, ""});
}

TEST_CASE("an id that nobody can tell is no other one, also where the books name one") {
  Storage storage;
  storage.Reads("");
  CHECK(storage.disk() == Disk{"one", DiskDoubt::kNone, false, ""});
}

VirtualStorage WithDisks(const std::vector<std::string>& ids, size_t primary) {
  VirtualStorage virtual_storage;
  for (const std::string& id : ids) {
    Node& node = virtual_storage.nodes.emplace_back();
    node.storage = std::string(1, static_cast<char>('a' + virtual_storage.nodes.size() - 1));
    node.disk.filesystem_id = id;
    node.primary = virtual_storage.nodes.size() - 1 == primary;
  }
  DoubtSharedDisks(virtual_storage);
  return virtual_storage;
}

TEST_CASE("of two storages on one disk the one that is not the primary gets the doubt") {
  const VirtualStorage storages = WithDisks({"one", "two", "one"}, 2);
  CHECK(storages.nodes[0].disk.doubt == DiskDoubt::kFilesystemShared);
  CHECK(storages.nodes[0].disk.suspect);
  CHECK_THAT(storages.nodes[0].disk.text, Contains("storage \"c\" has the same filesystem_id one"));
  CHECK(storages.nodes[1].writable());
  CHECK(storages.nodes[2].writable());
}

TEST_CASE("the later one gets it when neither is; who has no id shares nothing") {
  const VirtualStorage storages = WithDisks({"", "one", "one", ""}, 0);
  CHECK(storages.nodes[1].writable());
  CHECK_FALSE(storages.nodes[2].writable());
  CHECK(storages.nodes[3].writable());
}

}  // namespace
}  // namespace praefect::nodes
