// What people are told of unknown contents, and when that ends.

#include "datastore/unknown_contents.h"

#include "bookkeeper_fixture.h"

namespace praefect::datastore {
namespace {

class UnknownFixture : public StoreFixture {
 public:
  explicit UnknownFixture(db::Kind kind)
      : StoreFixture(kind), unknown(*database, registry, /*most=*/3) {}

  bool Note(const std::string& path, const std::string& storage, const std::string& checksum) {
    return Await<bool>([&](auto done) {
      unknown.Note({{"default", path, storage, checksum, {}}}, db::Soon(), std::move(done));
    });
  }
  // "PATH STORAGE CHECKSUM"
  std::vector<std::string> List(int limit = 10) {
    std::vector<std::string> texts;
    const auto found = Await<UnknownContentsFound>(
        [&](auto done) { unknown.List(limit, db::Soon(), std::move(done)); });
    for (const UnknownContent& each : found.first) {
      CHECK(each.since < std::chrono::minutes(10));
      texts.push_back(each.relative_path + " " + each.storage + " " + each.checksum);
    }
    count = found.count;
    return texts;
  }
  bool Forget(const std::string& path, const std::string& storage) {
    return Await<bool>([&](auto done) {
      unknown.Forget({"default", path, storage, "", {}}, db::Soon(), std::move(done));
    });
  }
  int64_t Tidy() {
    return Await<int64_t>([&](auto done) { unknown.Tidy(db::Soon(), std::move(done)); });
  }

  observe::Registry registry;
  UnknownContents unknown;
  int64_t count = 0;
};

using Texts = std::vector<std::string>;

TEST_CASE("contents that differ are told while there are two, and the name is nobody's") {
  UnknownFixture books(EitherEngine());
  books.Note("p.git", "b", "2");
  CHECK(books.List().empty());
  books.Note("p.git", "a", "0");
  books.Note("p.git", "a", "1");
  CHECK(books.List() == Texts{"p.git a 1", "p.git b 2"});
  CHECK(books.List(1) == Texts{"p.git a 1"});
  CHECK(books.count == 2);
  CHECK(books.Tidy() == 0);
  CHECK(books.Forget("p.git", "a"));
  CHECK(books.List().empty());
  books.Note("p.git", "a", "1");
  books.Make("p.git");
  CHECK(books.List().empty());
  CHECK(books.Tidy() == 2);
}

TEST_CASE("what is shadowed is told while the repository of that name lies elsewhere") {
  UnknownFixture books(EitherEngine());
  books.Make("p.git");
  REQUIRE(books.Rename("p.git", "q.git") == Changed::kDone);
  books.Note("q.git", "b", "");
  books.Note("p.git", "b", "");  // it is where that repository lies
  CHECK(books.List() == Texts{"q.git b "});
  CHECK(books.Tidy() == 1);
  books.Rename("q.git", "r.git");
  CHECK(books.List().empty());
  CHECK(books.Tidy() == 1);
}

TEST_CASE("so many unknown contents are remembered, and more are counted") {
  UnknownFixture books(EitherEngine());
  for (const char* storage : {"a", "b", "c"}) CHECK(books.Note("p.git", storage, storage));
  CHECK_FALSE(books.Note("q.git", "a", "1"));
  CHECK(books.Note("p.git", "a", "other"));
  CHECK(books.List().size() == 3);
  CHECK(books.Forget("p.git", "c"));
  CHECK(books.Note("q.git", "a", "1"));
}

}  // namespace
}  // namespace praefect::datastore
