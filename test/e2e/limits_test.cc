// Limits of what Praefect does with nodes and repositories by itself.

#include <catch2/catch.hpp>
#include <future>
#include <memory>

#include "e2e/replicas.h"
#include "proxy/promoter.h"

namespace praefect::test {
namespace {

using Answer = proxy::Promoter::Answer;
using datastore::JobState;
using namespace std::chrono_literals;

// Two repositories whose writes want their primary moved, which an open write keeps from it.
class Moves {
 public:
  explicit Moves(proxy::PromoterOptions options)
      : promoter_(
            replicas_.keeper(), [this] { return replicas_.snapshot(); }, replicas_.logger(),
            registry_, options) {
    for (const char* path : {"a.git", "b.git"}) {
      const int64_t id = ids_.emplace_back(replicas_.Make(path));
      REQUIRE(replicas_.WaitUntilWhole(id));
      writes_.push_back(replicas_.Open(id));
    }
    replicas_.Designate(1);
  }
  ~Moves() {
    promoter_.Stop();
    for (const auto& write : writes_)
      CHECK(replicas_.Settle(write) == datastore::Told::kAcknowledged);
  }

  std::future<Answer::Kind> Ask(size_t which) {
    auto promise = std::make_shared<std::promise<Answer::Kind>>();
    promoter_.Ask(ids_.at(which), /*planned=*/true,
                  [promise](const Answer& answer) { promise->set_value(answer.kind); });
    return promise->get_future();
  }
  void Stop() { promoter_.Stop(); }
  double Metric(const std::string& name) const {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name == name) return family.metric.at(0).counter.value;
    }
    return -1;
  }

 private:
  Replicas replicas_;
  observe::Registry registry_;
  proxy::Promoter promoter_;
  std::vector<int64_t> ids_;
  std::vector<datastore::Write> writes_;
};

TEST_CASE("Writes wait so long for a move of their primary, and then not for a while") {
  Moves moves({.longest_hold = 0ms, .pause = 1h});
  CHECK(moves.Ask(0).get() == Answer::kStays);
  CHECK(moves.Metric("gitaly_praefect_moves_given_up_total") == 1);
  CHECK(moves.Ask(0).get() == Answer::kStays);
  CHECK(moves.Metric("gitaly_praefect_moves_given_up_total") == 1);
}

TEST_CASE("Writes wait for so many moves at a time") {
  Moves moves({.longest_hold = 1h, .most_moves = 1});
  auto first = moves.Ask(0);
  CHECK(moves.Ask(1).get() == Answer::kStays);
  CHECK(moves.Metric("gitaly_praefect_moves_refused_total") == 1);
  auto another = moves.Ask(0);  // of the same repository
  moves.Stop();
  CHECK(first.get() == Answer::kRefused);
  CHECK(another.get() == Answer::kRefused);
}

TEST_CASE("What a node lists of its storage is bounded") {
  Replicas replicas;
  for (const char* path : {"group/a.git", "group/b.git"}) replicas.Make(path);
  const auto node = proxy::FindNode(replicas.snapshot(), "default", "gitaly-1");
  const auto all =
      proxy::NodeClient(replicas.calls()).Walk({node}, proxy::NodeClient::kWalkTimeout);
  REQUIRE(all[0].value);
  CHECK(all[0].value->size() == 2);
  const auto some =
      proxy::NodeClient(replicas.calls(), 40).Walk({node}, proxy::NodeClient::kWalkTimeout);
  CHECK_FALSE(some[0].value);
  CHECK(some[0].answer.code == http2::StatusCode::kResourceExhausted);
}

TEST_CASE("More jobs than one statement retries are retried all the same") {
  Replicas replicas;  // two in a statement
  replicas.node(1).SetFaults("error=UNIMPLEMENTED@ReplicateRepository");
  std::vector<int64_t> ids;
  for (const char* path : {"a.git", "b.git", "c.git", "d.git", "e.git"}) {
    ids.push_back(replicas.Make(path));
  }
  for (const int64_t id : ids) {
    REQUIRE(Eventually([&] { return replicas.JobOn(id, 1).state == JobState::kParked; }));
  }
  replicas.node(1).SetFaults("");
  replicas.SetHealth(1, nodes::Health::kDown);
  replicas.SetHealth(1, nodes::Health::kUp);
  for (const int64_t id : ids) CHECK(replicas.WaitUntilWhole(id));
}

}  // namespace
}  // namespace praefect::test
