#include "service/surveyor.h"

#include <prometheus/text_serializer.h>

#include <catch2/catch.hpp>
#include <future>

#include "database_fixture.h"
#include "db/migrations.h"

namespace praefect::service {
namespace {

using Catch::Matchers::Contains;
using Result = std::shared_ptr<const Survey>;

class Surveyed : public db::DatabaseFixture {
 public:
  explicit Surveyed(db::Kind kind = db::Kind::kSqlite) : DatabaseFixture(kind) {
    auto& storage = snapshot_->virtual_storages.emplace_back();
    storage.name = "default";
    nodes::Node& node = storage.nodes.emplace_back();
    node.virtual_storage = "default";
    node.storage = "a";
    surveyor.emplace(Surveyor::Sources{*database, [this] { return snapshot_; }, registry});
  }

  void Migrate() { REQUIRE_FALSE(db::Migrator(*database).UpAll(db::Soon())); }
  Result Ask() {
    std::promise<Result> promise;
    REQUIRE(surveyor->Ask([&](Result survey) { promise.set_value(std::move(survey)); }));
    return promise.get_future().get();
  }
  std::string Metrics() const { return prometheus::TextSerializer().Serialize(registry.Collect()); }

 private:
  const std::shared_ptr<nodes::Snapshot> snapshot_ = std::make_shared<nodes::Snapshot>();

 public:
  observe::Registry registry;
  std::optional<Surveyor> surveyor;
};

TEST_CASE("who asks gets what the books say now, and the metrics show it") {
  Surveyed books;
  books.Migrate();
  const Result survey = books.Ask();
  REQUIRE(survey != nullptr);
  CHECK(survey->problem == "");
  CHECK(survey->latency.count() > 0);
  CHECK(survey->unavailable.at("default").count == 0);
  CHECK_THAT(books.Metrics(), Contains("gitaly_praefect_replication_queue_depth{"));
}

TEST_CASE("a database that cannot be read is a problem without its words, and no metric") {
  Surveyed books;  // without tables
  const Result survey = books.Ask();
  REQUIRE(survey != nullptr);
  CHECK_THAT(survey->problem, Contains("the database cannot be read (statement"));
  CHECK_THAT(survey->problem, !Contains("repositories"));
  CHECK_THAT(books.Metrics(), !Contains("queue_depth"));
}

TEST_CASE("those who wait are so many at most, and all get one survey") {
  Surveyed books;
  books.Migrate();
  std::promise<void> let_go;
  std::promise<void> held;
  REQUIRE(books.surveyor->Ask([&](const Result&) {
    held.set_value();
    let_go.get_future().wait();
  }));
  held.get_future().wait();  // the surveyor's thread is ours
  std::vector<std::promise<Result>> answers(Surveyor::kMaxWaiting);
  for (auto& answer : answers) {
    REQUIRE(books.surveyor->Ask([&answer](const Result& survey) { answer.set_value(survey); }));
  }
  CHECK_FALSE(books.surveyor->Ask([](const Result&) { FAIL("it was refused"); }));
  let_go.set_value();
  const Result first = answers.front().get_future().get();
  CHECK(first != nullptr);
  CHECK(answers.back().get_future().get() == first);
}

TEST_CASE("who asks a surveyor that was stopped is told so") {
  Surveyed books;
  books.surveyor->Stop();
  CHECK(books.Ask() == nullptr);
}

}  // namespace
}  // namespace praefect::service
