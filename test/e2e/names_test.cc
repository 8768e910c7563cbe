// Which repositories there are: created, taken over, found, removed, renamed.

#include <catch2/catch.hpp>
#include <future>

#include "e2e/replicas.h"

namespace praefect::test {
namespace {

using namespace std::chrono_literals;
using datastore::End;
using datastore::JobState;
using datastore::RepositoryState;
using proxy::Decision;
using Name = datastore::RepositoryName;

Name Named(const std::string& path) { return {"default", path}; }

struct Names : Replicas {
  std::future<Decision> BeginCreate(const std::string& path) {
    auto promise = std::make_shared<std::promise<Decision>>();
    clerk().Create(Named(path), db::After(20s),
                   [promise](Decision decision) { promise->set_value(std::move(decision)); });
    return promise->get_future();
  }
  Decision Create(const std::string& path) { return BeginCreate(path).get(); }
  Decision Adopt(const std::string& path) {
    return Ask([&](auto done) { clerk().Adopt(Named(path), db::After(20s), done); });
  }
  Decision Locate(const std::string& path) {
    return Ask([&](auto done) { clerk().Locate(Named(path), db::After(20s), done); });
  }
  Decision Forget(const std::string& path) {
    return Ask([&](auto done) { clerk().Remove(Named(path), db::After(20s), done); });
  }
  Decision Rename(const std::string& from, const std::string& to) {
    return Ask([&](auto done) { clerk().Rename(Named(from), to, db::After(20s), done); });
  }
  Decision RenameNamespace(const std::string& from, const std::string& to) {
    return Ask([&](auto done) { clerk().RenameNamespace(Named(from), to, db::After(20s), done); });
  }
  template <class Begin>
  Decision Ask(Begin begin) {
    std::promise<Decision> promise;
    begin([&](Decision decision) { promise.set_value(std::move(decision)); });
    return promise.get_future().get();
  }

  void InitOn(size_t index, const std::string& path) {
    REQUIRE(Git({"init", "--bare", "--quiet", "--initial-branch=main",
                 node(index).Folder(path).string()})
                .exit_status == 0);
  }
  // A commit that is the same wherever it is made.
  void CommitOn(size_t index, const std::string& path, const std::string& message) {
    const std::string folder = "--git-dir=" + node(index).Folder(path).string();
    REQUIRE(Git({folder, "hash-object", "-t", "tree", "-w", "/dev/null"}).exit_status == 0);
    Command command;
    command.argv = {"git",         folder,
                    "-c",          "user.name=a",
                    "-c",          "user.email=a@b",
                    "commit-tree", "-m",
                    message,       "4b825dc642cb6eb9a060e54bf8d69288fbee4904"};
    command.environment = {{"GIT_AUTHOR_DATE", "1700000000 +0000"},
                           {"GIT_COMMITTER_DATE", "1700000000 +0000"}};
    Outcome made = Run(command);
    REQUIRE(made.exit_status == 0);
    made.output.erase(made.output.find_last_not_of('\n') + 1);
    REQUIRE(Git({folder, "update-ref", "refs/heads/main", made.output}).exit_status == 0);
  }
  // As a client's CreateRepository would.
  int64_t CreateWhole(const std::string& path) {
    const Decision decision = Create(path);
    REQUIRE(decision.kind == Decision::kRecorded);
    InitOn(0, decision.replica_path);
    REQUIRE(Settle(decision.write) == datastore::Told::kAcknowledged);
    return decision.write.repository_id;
  }
};

TEST_CASE("A repository is created at its own path, and copied from there") {
  Names names;
  const Decision decision = names.Create("a.git");
  REQUIRE(decision.kind == Decision::kRecorded);
  CHECK(decision.storage == "gitaly-1");
  CHECK(decision.replica_path == "a.git");
  CHECK(names.FindName("a.git")->books.state == RepositoryState::kCreating);
  names.InitOn(0, "a.git");
  CHECK(names.Settle(decision.write) == datastore::Told::kAcknowledged);
  CHECK(names.WaitUntilWhole(decision.write.repository_id));
  CHECK(names.node(2).Has("a.git"));
  CHECK(names.Create("a.git").kind == Decision::kKnown);
}

TEST_CASE("Where its own path will not do, a repository gets a place of its own") {
  Names names;
  std::string path = "a.git";
  SECTION("a path that may be a directory of something else") { path = "a"; }
  SECTION("a node did not say whether something is there") { names.node(2).Crash(); }
  SECTION("another one lies below") { names.CreateWhole("a.git/b.git"); }
  const Decision decision = names.Create(path);
  REQUIRE(decision.kind == Decision::kRecorded);
  CHECK(decision.replica_path.starts_with("@cluster/repositories/"));
  names.InitOn(0, decision.replica_path);
  CHECK(names.Settle(decision.write) == datastore::Told::kAcknowledged);
}

TEST_CASE("A creation that failed gives the name up at once") {
  Names names;
  const Decision first = names.Create("a.git");
  REQUIRE(first.kind == Decision::kRecorded);
  auto second = names.BeginCreate("a.git");
  const End end = GENERATE(End::kNeverSent, End::kAnswered);
  names.keeper().Finish(first.write, end);
  const Decision decision = second.get();
  REQUIRE(decision.kind == Decision::kRecorded);
  CHECK(decision.write.repository_id != first.write.repository_id);
  names.InitOn(0, decision.replica_path);
  CHECK(names.Settle(decision.write) == datastore::Told::kAcknowledged);
  CHECK(names.WaitUntilWhole(decision.write.repository_id));
  CHECK(Eventually([&] { return !names.Exists(first.write.repository_id); }));
  CHECK(names.node(0).Has(decision.replica_path));
}

TEST_CASE("Of two creators one waits for the other") {
  Names names;
  const Decision first = names.Create("a.git");
  auto second = names.BeginCreate("a.git");
  names.InitOn(0, "a.git");
  CHECK(second.wait_for(200ms) == std::future_status::timeout);
  CHECK(names.Settle(first.write) == datastore::Told::kAcknowledged);
  CHECK(second.get().kind == Decision::kKnown);
}

TEST_CASE("What was there before Praefect is taken over before it is written to") {
  Names names;
  names.InitOn(2, "a.git");
  names.CommitOn(2, "a.git", "first");
  bool both = false;
  SECTION("held by one node") {}
  SECTION("held by two, and equal") {
    both = true;
    names.InitOn(1, "a.git");
    names.CommitOn(1, "a.git", "first");
  }
  SECTION("by somebody who would create it") {
    CHECK(names.Create("a.git").kind == Decision::kKnown);
  }
  CHECK(names.Adopt("a.git").kind == Decision::kKnown);
  const auto repository = names.FindName("a.git");
  REQUIRE(repository.has_value());
  CHECK(repository->Name(repository->books.primary) == (both ? "gitaly-2" : "gitaly-3"));
  CHECK(names.WaitUntilWhole(repository->id));
  CHECK(names.HaveEqualRefs("a.git"));
}

TEST_CASE("Nothing is taken over that is not certain, and nothing is left in the books") {
  Names names;
  SECTION("nobody has it") { CHECK(names.Adopt("a.git").kind == Decision::kNotFound); }
  SECTION("they differ") {
    names.InitOn(1, "a.git");
    names.CommitOn(1, "a.git", "first");
    names.InitOn(2, "a.git");
    names.CommitOn(2, "a.git", "second");
    const Decision decision = names.Adopt("a.git");
    CHECK(decision.kind == Decision::kRefused);
    CHECK(decision.refusal.code == absl::StatusCode::kFailedPrecondition);
    CHECK(decision.refusal.message.find("\"gitaly-2\", \"gitaly-3\"") != std::string::npos);
  }
  SECTION("a node does not answer") {
    names.InitOn(1, "a.git");
    names.node(2).Crash();
    const Decision decision = names.Adopt("a.git");
    CHECK(decision.kind == Decision::kRefused);
    CHECK(decision.refusal.code == absl::StatusCode::kUnavailable);
  }
  CHECK(Eventually([&] { return !names.FindName("a.git").has_value(); }));
  CHECK_FALSE(names.node(0).Has("a.git"));
}

TEST_CASE("What nobody recorded is read where it lies") {
  Names names;
  names.InitOn(1, "a.git");
  const Decision there = names.Locate("a.git");
  CHECK(there.kind == Decision::kElsewhere);
  CHECK(there.storage == "gitaly-2");
  CHECK(names.Locate("b.git").storage == "gitaly-1");         // whose answer stands
  REQUIRE(names.WaitUntilWhole(names.CreateWhole("c.git")));  // copies ask as well
  CHECK(names.Locate("c.git").kind == Decision::kKnown);
  const size_t asked = names.node(1).CallsOf("RepositoryExists");
  CHECK(names.Locate("c.git/objects").kind == Decision::kNotFound);
  CHECK(names.node(1).CallsOf("RepositoryExists") == asked);
}

TEST_CASE("What is removed is gone at once, and its path can be created again") {
  Names names;
  const int64_t id = names.CreateWhole("a.git");
  REQUIRE(names.WaitUntilWhole(id));
  names.node(2).SetFaults("error=UNAVAILABLE@RemoveRepository");
  CHECK(names.Forget("a.git").kind == Decision::kDone);
  CHECK(names.Locate("a.git").kind == Decision::kNotFound);  // its place is not yet empty
  CHECK(names.Forget("a.git").kind == Decision::kNotFound);
  const int64_t again = names.CreateWhole("a.git");
  CHECK(names.Get(again).replica_path.starts_with("@cluster/"));  // deletes are still due there
  names.node(2).SetFaults("");
  CHECK(Eventually([&] { return !names.Exists(id); }));
  CHECK_FALSE(names.node(2).Has("a.git"));
  CHECK(names.WaitUntilWhole(again));
}

TEST_CASE("A removal takes over what nobody recorded, and deletes it") {
  Names names;
  names.InitOn(1, "a.git");
  CHECK(names.Forget("a.git").kind == Decision::kDone);
  CHECK(Eventually([&] { return !names.node(1).Has("a.git"); }));
}

TEST_CASE("So many storages are listed at a time, and whoever asks for more is told") {
  Names names;
  names.node(1).SetFaults("hang@WalkRepos\n");
  std::vector<std::promise<Decision>> promises(proxy::ClerkOptions().max_listings);
  for (auto& promise : promises) {
    names.clerk().List("default", db::After(20s),
                       [&promise](Decision decision) { promise.set_value(std::move(decision)); });
  }
  REQUIRE(Eventually([&] { return names.node(1).CallsOf("WalkRepos") == promises.size(); }));
  const auto list = [&] {
    return names.Ask([&](auto done) { names.clerk().List("default", db::After(20s), done); });
  };
  CHECK(list().refusal.reason == "too_many_listings");
  names.node(1).Crash();
  for (auto& promise : promises) {
    CHECK(promise.get_future().get().refusal.reason == "node_unanswered");
  }
  names.node(1).SetFaults("");
  names.node(1).Start();
  CHECK(Eventually([&] { return list().kind == Decision::kListed; }));
}

TEST_CASE("A rename changes the name and no disk") {
  Names names;
  const int64_t id = names.CreateWhole("a.git");
  REQUIRE(names.WaitUntilWhole(id));
  CHECK(names.Rename("a.git", "b.git").kind == Decision::kDone);
  CHECK(names.FindName("b.git")->id == id);
  CHECK(names.Get(id).replica_path == "a.git");
  CHECK(names.Locate("a.git").kind == Decision::kNotFound);
  const int64_t again = names.CreateWhole("a.git");
  CHECK(names.Get(again).replica_path.starts_with("@cluster/"));
}

TEST_CASE("A rename does not hide what lies at the new name") {
  Names names;
  names.CreateWhole("a.git");
  SECTION("a repository") { names.CreateWhole("b.git"); }
  SECTION("something that nobody recorded") { names.InitOn(2, "b.git"); }
  const Decision decision = names.Rename("a.git", "b.git");
  CHECK(decision.kind == Decision::kRefused);
  CHECK(decision.refusal.code == absl::StatusCode::kAlreadyExists);
  CHECK(names.FindName("a.git").has_value());
}

// The fixture's clerk renames two at a time.
TEST_CASE("A namespace with too many repositories is renamed not at all") {
  Names names;
  for (const char* path : {"g/a.git", "g/b.git", "g/c.git"}) names.CreateWhole(path);
  const Decision refused = names.RenameNamespace("g", "h");
  CHECK(refused.kind == Decision::kRefused);
  CHECK(refused.refusal.reason == "namespace_too_large");
  CHECK(names.FindName("g/a.git").has_value());
  REQUIRE(names.Forget("g/c.git").kind == Decision::kDone);
  CHECK(names.RenameNamespace("g", "h").kind == Decision::kDone);
  CHECK(names.FindName("h/b.git").has_value());
}

}  // namespace
}  // namespace praefect::test
