// Where the books say that calls go, and when they do not answer.

#include "fixture.h"

namespace praefect::test {
namespace {

using datastore::Changed;
using datastore::PromoteTo;

// Tells what it was asked for.
RawNode::Script Echo() {
  return [](RawStream& stream) {
    const std::string message = stream.ReadMessage();
    stream.ReadToHalfClose();
    stream.Answer(message);
  };
}

std::string Asked(const std::string& storage, const std::string& path) {
  return BytesField(1, Repository(storage, path));
}

struct Lookup : Writes {
  Lookup() : Writes({.beat = std::chrono::milliseconds(200)}) {
    Script(0, Echo());
    Script(1, Echo());
    id = Make("x.git");
    // Nothing is known before the first beat has proven it.
    REQUIRE(Becomes([&] {
      const int before = switched->asked;
      Seen(kRefExists);
      return switched->asked == before;
    }));
    read = node(0).calls();
  }
  // Which request reached a node.
  std::string Seen(const std::string& method) {
    const RawAnswer answer = Call(method);
    INFO(answer.grpc_message());
    REQUIRE(answer.grpc_status() == "0");
    return JoinMessages(answer.data);
  }
  int64_t id = 0;
  int read = 0;  // calls that the first node got so far
};

TEST_CASE("a known route costs a read nothing, and a write two transactions") {
  Lookup writes;
  // Of several tries, because beats count as well.
  int read = 100, write = 100;
  for (int i = 0; i < 20; i++) {
    writes.Seen(kRefExists);
    const int before = writes.switched->asked;
    writes.Seen(kRefExists);
    const int after_read = writes.switched->asked;
    writes.Seen(kWriteRef);
    read = std::min(read, after_read - before);
    write = std::min(write, writes.switched->asked - after_read);
  }
  CHECK(read == 0);
  CHECK(write == 2);
}

TEST_CASE("calls go to the repository's own primary, by its replica path") {
  Lookup writes;
  REQUIRE(writes.Change(writes.id, PromoteTo("b", false)) == Changed::kDone);
  REQUIRE(writes.Rename("x.git", "y.git") == Changed::kDone);
  const std::string path = "y.git";
  for (const char* method : {kRefExists, kWriteRef}) {
    const RawAnswer answer = writes.Call(method, path);
    REQUIRE(answer.grpc_status() == "0");
    CHECK(JoinMessages(answer.data) == Asked("b", "x.git"));
  }
}

TEST_CASE("a write is routed anew when another instance promoted meanwhile") {
  Lookup writes;
  REQUIRE(writes.Change(writes.id, PromoteTo("b", false)) == Changed::kDone);
  CHECK(writes.Seen(kWriteRef) == Asked("b", "x.git"));
  CHECK(writes.node(0).calls() == writes.read);
  CHECK(writes.Seen(kRefExists) == Asked("b", "x.git"));
}

TEST_CASE("no write reaches a repository that has its name no more") {
  Lookup writes;
  REQUIRE(writes.Rename("x.git", "y.git") == Changed::kDone);
  CHECK(writes.Call(kWriteRef).grpc_status() == "5");
  CHECK(writes.node(0).calls() == writes.read);
  CHECK(writes.Books(writes.id) == Shown{0, 0, 0, 0});
}

TEST_CASE("a write whose route changes all the time is refused") {
  Lookup writes;
  const datastore::Rule move = [](datastore::Repository& repository) {
    const bool at_b = repository.Name(repository.books.primary) == "b";
    return PromoteTo(at_b ? "a" : "b", false)(repository);
  };
  REQUIRE(writes.Change(writes.id, move) == Changed::kDone);
  std::function<void()> change = [&] {  // after each open, and each lookup
    writes.store->Change(writes.id, move, db::Soon(), [](auto) {});
    writes.switched->AfterNext(change);
  };
  writes.switched->AfterNext(change);
  const RawAnswer answer = writes.Call(kWriteRef);
  writes.switched->AfterNext(nullptr);
  CHECK(answer.grpc_status() == "14");
  CHECK_THAT(answer.grpc_message(), Catch::Contains("changed while the call was recorded"));
  CHECK(writes.node(0).calls() + writes.node(1).calls() == writes.read);
}

TEST_CASE("database away: known repositories are read, nothing is written, nobody is told names") {
  Lookup writes;
  writes.Seen(kRefExists);
  writes.switched->away = true;
  CHECK(writes.Seen(kRefExists) == Asked("a", "x.git"));
  const int reads = writes.node(0).calls();
  for (const char* path : {"x.git", "unknown.git"}) {
    const RawAnswer answer = writes.Call(kWriteRef, path);
    CHECK(answer.grpc_status() == "14");
    CHECK_THAT(answer.grpc_message(),
               !Catch::Contains("hunter2") && !Catch::Contains("db.example"));
  }
  CHECK(writes.Call(kRefExists, "unknown.git").grpc_status() == "14");
  CHECK(writes.node(0).calls() == reads);
  writes.switched->away = false;
  CHECK(Becomes([&] { return writes.Call(kWriteRef).grpc_status() == "0"; }));
}

TEST_CASE("database away for longer: reads go where they went last, and that is said") {
  Lookup writes;
  writes.Seen(kRefExists);
  writes.switched->away = true;
  writes.Freeze(std::chrono::seconds(40));  // nothing proves the route any more
  CHECK(writes.Seen(kRefExists) == Asked("a", "x.git"));
  CHECK(writes.log.Has(" stale"));
}

}  // namespace
}  // namespace praefect::test
