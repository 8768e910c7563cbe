#include "daemon/readiness.h"

#include <catch2/catch.hpp>

namespace praefect::daemon {
namespace {

using Catch::Matchers::Contains;
using nodes::Health;

const BooksState kUsable{"", true};

// One virtual storage for each health, with one node of that health.
std::vector<ReadinessCheck> Checks(const std::vector<Health>& primaries, bool stopping = false,
                                   Purpose purpose = Purpose::kAnything, bool started = false,
                                   const BooksState& books = kUsable) {
  nodes::Snapshot snapshot;
  snapshot.started = started;
  for (const Health health : primaries) {
    nodes::Node node;
    node.storage = "gitaly-1";
    node.address_text = "tcp://10.0.0.1:8075";
    node.primary = true;
    node.health = health;
    if (health == Health::kDown) node.reason = "connection refused";
    snapshot.virtual_storages.push_back({"default", {node}});
  }
  return CheckReadiness(snapshot, books, stopping, purpose);
}

std::string Problem(const std::vector<ReadinessCheck>& checks, const std::string& name) {
  for (const ReadinessCheck& check : checks) {
    if (check.name == name) return check.problem;
  }
  return "no such check";
}

TEST_CASE("with healthy nodes it is ready") {
  const auto checks = Checks({Health::kUp});
  CHECK(IsReady(checks));
  CHECK(Problem(checks, "stopping").empty());
  CHECK(Problem(checks, "virtual-storage default").empty());
}

TEST_CASE("who stops is not ready") {
  const auto checks = Checks({Health::kUp}, /*stopping=*/true);
  CHECK_FALSE(IsReady(checks));
  CHECK(Problem(checks, "stopping") == "Praefect was told to stop");
}

TEST_CASE("before the first probes nothing is known, and it is not ready") {
  const auto checks = Checks({Health::kUp, Health::kUnknown});
  CHECK_FALSE(IsReady(checks));
  CHECK_THAT(Problem(checks, "nodes-probed"), Contains("gitaly-1"));
}

TEST_CASE("a node that is added later takes nothing away") {
  CHECK(IsReady(Checks({Health::kUp, Health::kUnknown}, false, Purpose::kWrites, true)));
  CHECK_FALSE(IsReady(Checks({Health::kUp, Health::kDown}, false, Purpose::kWrites, true)));
}

TEST_CASE("without any healthy primary it is not ready, and says why") {
  const auto checks = Checks({Health::kDown});
  CHECK_FALSE(IsReady(checks));
  CHECK(Problem(checks, "virtual-storage default") ==
        "its primary \"gitaly-1\" (tcp://10.0.0.1:8075) is not healthy: connection refused");
}

TEST_CASE("one virtual storage that serves is enough, and the other one is shown") {
  const auto checks = Checks({Health::kDown, Health::kUp});
  CHECK(IsReady(checks));
  CHECK_THAT(checks[3].problem, Contains("connection refused"));
  CHECK_FALSE(checks[3].required);
}

TEST_CASE("writes want every primary") {
  CHECK_FALSE(IsReady(Checks({Health::kDown, Health::kUp}, false, Purpose::kWrites)));
  CHECK(IsReady(Checks({Health::kUp, Health::kUp}, false, Purpose::kWrites)));
}

TEST_CASE("before the database could be used it is not ready, and says why") {
  const auto checks =
      Checks({Health::kUp}, false, Purpose::kAnything, false, {"connection refused", false});
  CHECK_FALSE(IsReady(checks));
  CHECK(Problem(checks, "database") == "connection refused");
}

TEST_CASE("without the database reads go on by what is known, and writes do not") {
  const BooksState away{"connection refused", true};
  CHECK(IsReady(Checks({Health::kUp}, false, Purpose::kAnything, false, away)));
  CHECK_FALSE(IsReady(Checks({Health::kUp}, false, Purpose::kWrites, false, away)));
}

TEST_CASE("writes that could not be recorded make it not ready for writes, with the reason") {
  const BooksState unregistered{"", true, "this Praefect is not registered"};
  CHECK(IsReady(Checks({Health::kUp}, false, Purpose::kAnything, false, unregistered)));
  const auto checks = Checks({Health::kUp}, false, Purpose::kWrites, false, unregistered);
  CHECK_FALSE(IsReady(checks));
  CHECK(Problem(checks, "recording") == "this Praefect is not registered");
}

TEST_CASE("each check is a line for people") {
  CHECK(ReadinessText(Checks({Health::kDown, Health::kUp})) ==
        "ready\n[+] stopping\n[+] database\n[+] nodes-probed\n[-] virtual-storage default: its "
        "primary "
        "\"gitaly-1\" (tcp://10.0.0.1:8075) is not healthy: connection refused (ready all the "
        "same)\n[+] virtual-storage default\n");
  CHECK_THAT(ReadinessText(Checks({Health::kUp}, true)),
             Contains("not ready\n[-] stopping: Praefect was told to stop\n"));
}

}  // namespace
}  // namespace praefect::daemon
