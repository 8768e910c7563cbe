// What a client sees of a node that misbehaves.

#include <absl/strings/escaping.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

using nlohmann::json;

// A client that waits no longer than a second.
const std::map<std::string, std::string> kHasty = {{"GITALY_CALL_TIMEOUT_MS", "1000"}};

// gitaly-call's exit code for a gRPC status code.
constexpr int Code(int grpc) { return 64 + grpc; }

class Faulty {
 public:
  explicit Faulty(const std::string& faults, ClusterSetup setup = {})
      : cluster_(OneNode(std::move(setup))), copy_(cluster_.CreateWithCommit("a.git")) {
    cluster_.primary().SetFaults(faults);
  }

  Cluster& cluster() { return cluster_; }
  StorageNode& node() { return cluster_.primary(); }
  const WorkingCopy& copy() const { return copy_; }

  Outcome Size(const std::map<std::string, std::string>& environment = {}) {
    return cluster_.Call("RepositoryService/RepositorySize",
                         {{{"repository", cluster_.Repository("a.git")}}}, environment);
  }
  Outcome WriteTopic(const std::map<std::string, std::string>& environment = {}) {
    return cluster_.Call("RepositoryService/WriteRef",
                         {{{"repository", cluster_.Repository("a.git")},
                           {"ref", absl::Base64Escape("refs/heads/topic")},
                           {"revision", absl::Base64Escape(copy_.Id("main"))}}},
                         environment);
  }
  bool HasTopic() { return node().Refs("a.git").count("refs/heads/topic") == 1; }
  // How the last call of a kind ended, as the node saw it.
  json LastEnd() {
    json end;
    for (const json& event : node().Record()) {
      if (event.value("event", "") == "end") end = event;
    }
    return end;
  }

 private:
  Cluster cluster_;
  WorkingCopy copy_;
};

TEST_CASE("A slow node is waited for, and its time told apart from Praefect's") {
  Faulty faulty("delay=300@RepositorySize");
  CHECK(faulty.Size().exit_status == 0);
  const json line = faulty.cluster().praefect().WaitAccess("RepositorySize");
  CHECK(line.value("gitaly.time_ms", 0.0) >= 300);
  CHECK(line.value("praefect.time_ms", 1e9) < line.value("gitaly.time_ms", 0.0));
}

TEST_CASE("A node's error reaches the client with its code and its words") {
  Faulty faulty("error=FAILED_PRECONDITION");
  const Outcome call = faulty.Size();
  CHECK(call.exit_status == Code(9));
  CHECK_THAT(call.error, Catch::Contains("fault: error (9)"));
  const Outcome clone = faulty.cluster().TryClone("a.git");
  CHECK(clone.exit_status == 128);
  CHECK_THAT(clone.error, Catch::Contains("FAILED_PRECONDITION (9): fault: error"));
}

TEST_CASE("A call to a hanging node ends at its deadline, on both sides of Praefect") {
  Faulty faulty("hang@RepositorySize");
  CHECK(faulty.Size(kHasty).exit_status == Code(4));
  REQUIRE(Eventually([&] { return faulty.LastEnd().value("cancelled", false); }));
  for (const json& event : faulty.node().Record()) {
    if (!event.value("method", "").ends_with("/RepositorySize")) continue;
    CHECK(event.value("deadline_ms", int64_t{1 << 30}) <= 1000);
  }
}

TEST_CASE("A node that crashes during a call is named in the answer") {
  Faulty faulty("crash@RepositorySize");
  const Outcome call = faulty.Size();
  CHECK(call.exit_status == Code(14));
  CHECK_THAT(call.error, Catch::Contains("node \"gitaly-1\" (" + faulty.node().address() +
                                         ") was lost during the call"));
  faulty.node().Crash();  // it has; now it can be started again
  faulty.node().SetFaults("");
  faulty.node().Start();
  CHECK(Eventually([&] { return faulty.Size().exit_status == 0; }));
}

TEST_CASE("A call to a node that freezes ends long before its deadline, and says so") {
  ClusterSetup setup;
  setup.keepalive_timeout = "2s";
  Faulty faulty("hang@RepositorySize", setup);
  std::thread freezer([&] {
    Eventually([&] { return faulty.node().CallsOf("RepositorySize") == 1; });
    faulty.node().Freeze();
  });
  const Outcome call = faulty.Size({{"GITALY_CALL_TIMEOUT_MS", "60000"}});
  freezer.join();
  CHECK(call.exit_status == Code(14));
  CHECK_THAT(call.error, Catch::Contains("was lost during the call: it left a PING unanswered"));
  faulty.node().SetFaults("");
  faulty.node().Thaw();
  CHECK(Eventually([&] { return faulty.Size().exit_status == 0; }));
  CHECK(Eventually([&] {
    return faulty.cluster().praefect().Metric("gitaly_praefect_node_connections_lost_total",
                                              {"while=\"frozen\""}) >= 1;
  }));
}

TEST_CASE("A node that answers probes and fails calls is told of, and tried all the same") {
  ClusterSetup setup;
  setup.failover =
      "error_threshold_window = '2s'\nread_error_threshold_count = 3\n"
      "write_error_threshold_count = 3\n";
  Faulty faulty("error=INTERNAL@RepositorySize", setup);
  for (int i = 0; i < 3; ++i) CHECK(faulty.Size().exit_status == Code(13));
  PraefectDaemon& praefect = faulty.cluster().praefect();
  const json line = praefect.WaitLog("the node answers probes and fails calls");
  CHECK_THAT(line.value("error", ""), Catch::Contains("3 accessors and 0 mutators failed"));
  const auto degraded = [&](double value) {
    return praefect.Metric("gitaly_praefect_node_degraded", {"\"gitaly-1\""}) == value;
  };
  CHECK(Eventually([&] { return degraded(1); }));
  faulty.node().SetFaults("");
  CHECK(faulty.Size().exit_status == 0);
  praefect.WaitLog("the node fails few calls again");
  CHECK(Eventually([&] { return degraded(0); }));
}

TEST_CASE("Nothing is written to a storage that came back with another disk") {
  Faulty faulty("");
  PraefectDaemon& praefect = faulty.cluster().praefect();
  CHECK(faulty.WriteTopic().exit_status == 0);
  praefect.WaitLog("node is healthy");
  const auto metadata = faulty.node().Folder(".gitaly-metadata");
  const std::string before = ReadFile(metadata);
  const auto restart_with = [&](const std::string& identity) {
    REQUIRE(faulty.node().Stop() == 0);
    WriteFile(metadata, identity);
    faulty.node().Start();
  };
  restart_with(R"({"gitaly_filesystem_id": "another"})");
  praefect.WaitLog("the node's disk is in doubt, nothing is written there");
  CHECK(Eventually([&] { return faulty.Size().exit_status == 0; }));
  CHECK_THAT(faulty.WriteTopic().error, Catch::Contains("nothing is written to node \"gitaly-1\""));
  praefect.WaitLog("the node's disk is suspect, nothing is written there");
  CHECK(faulty.WriteTopic().exit_status == Code(9));
  restart_with(before);
  praefect.WaitLog("the node's disk is the one that it was");
  CHECK(Eventually([&] { return faulty.WriteTopic().exit_status == 0; }));
}

TEST_CASE("A change that is made after its caller has gone happens all the same") {
  Faulty faulty("apply-after-cancel@WriteRef");
  CHECK(faulty.WriteTopic(kHasty).exit_status == Code(4));
  CHECK(Eventually([&] { return faulty.HasTopic(); }));
}

TEST_CASE("An error that comes after the change does not undo it") {
  Faulty faulty("error-after-apply=INTERNAL@WriteRef");
  const Outcome call = faulty.WriteTopic();
  CHECK(call.exit_status == Code(13));
  CHECK_THAT(call.error, Catch::Contains("fault: error after apply (13)"));
  CHECK(faulty.HasTopic());
}

TEST_CASE("A change that freezes past its deadline happens afterwards") {
  Faulty faulty("freeze-then-apply=1500@WriteRef");
  CHECK(faulty.WriteTopic(kHasty).exit_status == Code(4));
  CHECK(Eventually([&] { return faulty.HasTopic(); }));
}

TEST_CASE("A push that is held in its hook on the node succeeds when it is let go") {
  Faulty faulty("freeze-then-apply=300@SSHReceivePack");
  const std::string id = faulty.copy().Commit("README", "second\n");
  faulty.copy().Push({"main"});
  CHECK(faulty.node().Refs("a.git").at("refs/heads/main") == id);
}

TEST_CASE("A lock file that is in the way is git's own text to the client") {
  Faulty faulty("stale-lock@SSHReceivePack");
  faulty.copy().Commit("README", "second\n");
  const Outcome push = faulty.copy().Try({"push", "origin", "main"});
  CHECK(push.exit_status == 1);
  CHECK_THAT(push.error, Catch::Contains("main.lock': File exists"));
  CHECK_THAT(push.error, Catch::Contains("! [remote rejected] main -> main"));
}

}  // namespace
}  // namespace praefect::test
