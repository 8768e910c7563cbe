#include "bookkeeper_fixture.h"

namespace praefect::datastore {
namespace {

const Job& JobOn(const Repository& repository, const std::string& storage) {
  return repository.books.replicas[repository.Position(storage)].job;
}

TEST_CASE("a call that never reached a node leaves nothing") {
  KeeperFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Finish(books.Open(id), End::kNeverSent);
  CHECK(Becomes([&] { return books.Intents(id) == 0; }));
  CHECK(books.Generation(id) == 1);
}

TEST_CASE("any other end raises, but only when its node was healthy for as long as the linger") {
  KeeperFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.praefect->Say("a", NodeState::kUnhealthy);
  books.Finish(books.Open(id), End::kAnswered);
  CHECK(Becomes([&] { return books.Get(id).books.intents[0].lingering; }));
  books.praefect->Freeze(std::chrono::seconds(2));
  CHECK(books.praefect->Looks(3));
  CHECK(books.Intents(id) == 1);
  CHECK(books.praefect->Metric("gitaly_praefect_lingering") == 1);
  books.praefect->Say("a", NodeState::kHealthy);
  CHECK(Becomes([&] { return books.Intents(id) == 0; }));
  CHECK(books.Generation(id) == 2);
  CHECK(books.Get(id).books.acknowledged == 1);
}

TEST_CASE("a call that nobody knows of lingers longer than one that was answered") {
  KeeperFixture books(EitherEngine());
  const int64_t lost = books.Make("lost.git");
  const int64_t answered = books.Make("answered.git");
  books.Finish(books.Open(lost), End::kLost);
  books.Finish(books.Open(answered), End::kAnswered);
  CHECK(Becomes([&] { return books.Intents(answered) == 0; }));
  CHECK(books.Intents(lost) == 1);
}

TEST_CASE("what lingers on a storage that left ends, and its claim goes first") {
  KeeperFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.praefect->Say("a", NodeState::kNotConfigured);
  books.Finish(books.Open(id), End::kLost);
  CHECK(Becomes([&] { return books.Intents(id) == 0; }));
  CHECK(Becomes([&] { return books.Get(id).books.primary == kNoStorage; }));
}

TEST_CASE("a creation is live when its node said OK") {
  KeeperFixture books(EitherEngine());
  const auto [opened, path] = books.praefect->Create("p.git", "a");
  REQUIRE(opened.result == Opened::kRecorded);
  CHECK(path == "p.git");
  CHECK(books.praefect->keeper->MaySend(opened.write));
  CHECK(books.Settle(opened.write) == Told::kAcknowledged);
  CHECK(books.Get(opened.write.repository_id).books.state == RepositoryState::kLive);
  CHECK(books.praefect->Create("p.git", "a").first.result == Opened::kRouteAnew);
}

TEST_CASE("the end of a creation whose answer was lost is the same when it is repeated") {
  KeeperFixture books(EitherEngine());
  const auto opened = books.praefect->Create("p.git", "a").first;
  books.unreliable.LoseAnswerTo("no text: steps");
  CHECK(books.Settle(opened.write) == Told::kAcknowledged);
  CHECK(books.Generation(opened.write.repository_id) == 1);
}

TEST_CASE("a creation that failed gives its name up at once, and its deletes wait for the linger") {
  KeeperFixture books(EitherEngine());
  books.praefect->Say("a", NodeState::kUnhealthy);
  const auto opened = books.praefect->Create("p.git", "a").first;
  books.Finish(opened.write, End::kAnswered);
  CHECK(Becomes([&] { return !books.FindName("p.git"); }));
  CHECK(books.Intents(opened.write.repository_id) == 1);
  books.praefect->Say("a", NodeState::kHealthy);
  CHECK(Becomes([&] { return books.Intents(opened.write.repository_id) == 0; }));
  CHECK(books.DueOn("a").size() == 1);
}

TEST_CASE("a creation that never reached its node, and an adoption that failed, leave nothing") {
  KeeperFixture books(EitherEngine());
  const auto created = books.praefect->Create("p.git", "a").first;
  const auto adopted = books.praefect->Create("q.git", "").first;
  books.Finish(created.write, End::kNeverSent);
  books.Finish(adopted.write, End::kLost);
  CHECK(Becomes([&] { return !books.Exists(created.write.repository_id); }));
  CHECK(Becomes([&] { return !books.Exists(adopted.write.repository_id); }));
}

TEST_CASE("the replica of a copy that was lost sight of is released after the linger") {
  KeeperFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Settle(books.Open(id));
  Bookkeeper& keeper = *books.praefect->keeper;
  const int64_t run = keeper.BeginRun();
  books.praefect->Say("b", NodeState::kUnhealthy);
  REQUIRE(books.Change(id, StartCopyOnto("b", {"a"}, false, run, keeper.instance())) ==
          Changed::kDone);
  keeper.LoseRun(id, {"default", "p.git"}, "b", run, End::kAnswered, ReleaseRun("b", run));
  CHECK(Becomes([&] { return JobOn(books.Get(id), "b").state == JobState::kLingering; }));
  books.praefect->Say("b", NodeState::kHealthy);
  CHECK(Becomes([&] { return JobOn(books.Get(id), "b").state == JobState::kReady; }));
}

}  // namespace
}  // namespace praefect::datastore
