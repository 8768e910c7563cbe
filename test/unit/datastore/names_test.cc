#include "datastore/names.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace praefect::datastore {
namespace {

const std::string kDigits = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";

TEST_CASE("a path overlaps itself, its parents and its children") {
  CHECK(Overlap("a/b.git", "a/b.git"));
  CHECK(Overlap("a/b", "a/b/c.git"));
  CHECK(Overlap("a/b/c.git", "a"));
  CHECK_FALSE(Overlap("a/b", "a/bc"));
  CHECK_FALSE(Overlap("a/b.git", "a/c.git"));
}

TEST_CASE("a path overlaps any of several as it overlaps each") {
  const std::set<std::string> some = {"a-b", "a/b.git", "c"};
  for (const char* path : {"a", "a/b.git", "a/b.git/d", "a-b/c", "a.git", "a/b", "a/c", "b", "c"}) {
    INFO(path);
    const bool any =
        std::any_of(some.begin(), some.end(), [&](const auto& one) { return Overlap(one, path); });
    CHECK(OverlapsAny(some, path) == any);
  }
}

TEST_CASE("a cluster path is named by the id's digest, as the Go Praefect names it") {
  CHECK(ClusterPath(1, false) == "@cluster/repositories/6b/86/1");
  CHECK(ClusterPath(1, true) == "@cluster/pools/6b/86/1");
}

TEST_CASE("pool paths are those that Rails makes") {
  CHECK(IsPoolPath("@pools/6b/86/" + kDigits + ".git"));
  CHECK_FALSE(IsPoolPath("@pools/6b/87/" + kDigits + ".git"));
  CHECK_FALSE(IsPoolPath("@hashed/6b/86/" + kDigits + ".git"));
  CHECK_FALSE(IsPoolPath("@pools/6b/86/" + kDigits));
  CHECK_FALSE(IsPoolPath(""));
}

TEST_CASE("what cannot be a key is refused") {
  CHECK(CheckPath("group/project.git").ok());
  CHECK(CheckPath("gr\xc3\xbc\xc3\x9f"
                  "e.git")
            .ok());
  CHECK(CheckPath(std::string(kMaxPathBytes, 'x')).ok());
  for (const std::string& path :
       {std::string(), std::string(10'240, 'x'), std::string("a\0b", 3), std::string("a\xff"),
        std::string("\xc0\x80"), std::string("\xed\xa0\x80"), std::string("\xe2\x82"),
        std::string("\xf4\x90\x80\x80")}) {
    CHECK(CheckPath(path).code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK_FALSE(CheckStorageName(std::string(256, 's')).ok());
}

TEST_CASE("a repository is created at its relative path only when nothing is in its way") {
  const CreationFacts free{.all_answered = true};
  CHECK(PlaceOfCreation("a.git", free) == CreationPlace::kRelativePath);
  CHECK(PlaceOfCreation("a", free) == CreationPlace::kRelativePath);
  CHECK(PlaceOfCreation("a.git", {.all_answered = false}) == CreationPlace::kClusterPath);
  CHECK(PlaceOfCreation("a", {.all_answered = true, .directory_there = true}) ==
        CreationPlace::kClusterPath);
  CHECK(PlaceOfCreation("a.git", {.all_answered = true, .directory_there = true}) ==
        CreationPlace::kRelativePath);
  CHECK(PlaceOfCreation("a.git", {.all_answered = true, .something_there = true}) ==
        CreationPlace::kAdoptFirst);
  CHECK(
      PlaceOfCreation("a.git", {.all_answered = true, .something_there = true, .overlaps = true}) ==
      CreationPlace::kClusterPath);
}

}  // namespace
}  // namespace praefect::datastore
