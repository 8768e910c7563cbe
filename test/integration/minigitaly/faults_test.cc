// Every fault that a node can be told to have.

#include <signal.h>

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>
#include <thread>

#include "gitaly/repository.grpc.pb.h"
#include "node_client.h"

namespace praefect::test {
namespace {

using std::chrono::milliseconds;

// A repository with one commit that no branch but main names.
class Faults : public NodeClient {
 public:
  Faults() {
    REQUIRE(Create("a.git") == "OK");
    id_ = Push("a.git", "main", "one");
  }

 protected:
  std::string Write(milliseconds timeout = std::chrono::seconds(30)) {
    return WriteRef("a.git", "refs/heads/topic", id_, timeout);
  }
  bool Written() { return OnDisk("a.git", "refs/heads/topic") == id_; }
  // The end of the last call of a method, as recorded.
  nlohmann::json LastEnd(const std::string& method) {
    nlohmann::json end;
    uint64_t id = 0;
    for (const std::string& line : node().Record()) {
      const auto entry = nlohmann::json::parse(line);
      if (entry["event"] == "start" && entry["method"] == method) id = entry["id"];
      if (entry["event"] == "end" && entry["id"] == id) end = entry;
    }
    return end;
  }
  // Stock git, started and left alone.
  std::unique_ptr<Process> StartPush(const TemporaryDirectory& work) {
    auto environment = node().GitEnvironment();
    environment["GIT_CONFIG_GLOBAL"] = "/dev/null";
    return std::make_unique<Process>(
        Command{{"git", "--git-dir=" + (work / "w/.git").string(), "push", "--quiet", "node:a.git",
                 "HEAD:refs/heads/pushed"},
                environment,
                {},
                work / "stderr"});
  }
  void PrepareWork(const TemporaryDirectory& work) {
    REQUIRE(
        Git({"clone", "--quiet", "node:a.git", work / "w"}, node().GitEnvironment()).exit_status ==
        0);
  }

  const std::string kWriteRef = "/gitaly.RepositoryService/WriteRef";
  std::string id_;
};

TEST_CASE_METHOD(Faults, "error answers without doing anything") {
  node().SetFaults({"error=UNAVAILABLE@WriteRef"});
  CHECK(Write() == "UNAVAILABLE: fault: error");
  CHECK_FALSE(Written());
  CHECK(Exists("a.git") == "yes");
  node().SetFaults({});
  CHECK(Write() == "OK");
}

TEST_CASE_METHOD(Faults, "a fault without a method concerns every call") {
  node().SetFaults({"error=13"});
  CHECK(Exists("a.git") == "INTERNAL: fault: error");
  CHECK(Checksum("a.git") == "INTERNAL: fault: error");
}

TEST_CASE_METHOD(Faults, "a misspelt fault fails calls instead of passing unnoticed") {
  node().SetFaults({"errror=13"});
  CHECK(Exists("a.git").rfind("INVALID_ARGUMENT: there is no fault \"errror\"", 0) == 0);
  CHECK(Run({{MinigitalyProgram(), "-listen", "tcp://127.0.0.1:0", "-storage", "a=/tmp/x", "-fault",
              "error=NONSENSE"}})
            .exit_status == 2);
}

TEST_CASE_METHOD(Faults, "delay does the work at once and answers later") {
  node().SetFaults({"delay=600000@WriteRef"});
  CHECK(Write(milliseconds(1500)).rfind("DEADLINE_EXCEEDED", 0) == 0);
  CHECK(Written());
  node().SetFaults({"delay=50@WriteRef"});
  CHECK(Write() == "OK");
  CHECK(Eventually([&] { return !LastEnd(kWriteRef).is_null(); }));
  CHECK(LastEnd(kWriteRef)["duration_ms"] >= 50);
}

TEST_CASE_METHOD(Faults, "hang never answers, and the node sees the caller go") {
  node().SetFaults({"hang@WriteRef"});
  CHECK(Write(milliseconds(500)).rfind("DEADLINE_EXCEEDED", 0) == 0);
  CHECK(Eventually([&] { return !LastEnd(kWriteRef).is_null(); }));
  CHECK(LastEnd(kWriteRef)["cancelled"] == true);
  CHECK_FALSE(Written());
}

TEST_CASE_METHOD(Faults, "the node knows the caller's deadline") {
  Write(std::chrono::seconds(20));
  const auto start = nlohmann::json::parse(*(node().Record().rbegin() + 1));
  CHECK(start["path"] == "a.git");
  CHECK(start["storage"] == "gitaly-1");
  CHECK(start["deadline_ms"] > 10000);
  CHECK(start["deadline_ms"] <= 21000);  // gRPC rounds up on the wire
}

TEST_CASE_METHOD(Faults, "crash ends the node in the middle of the call") {
  node().SetFaults({"crash@WriteRef"});
  CHECK(Write().rfind("UNAVAILABLE", 0) == 0);
  CHECK(node().process().Wait() == 128 + SIGKILL);
  CHECK_FALSE(Written());
}

TEST_CASE_METHOD(Faults, "apply-after-cancel makes the change once the caller has gone") {
  node().SetFaults({"apply-after-cancel@WriteRef"});
  CHECK(Write(milliseconds(500)).rfind("DEADLINE_EXCEEDED", 0) == 0);
  CHECK(Eventually([&] { return Written(); }));
}

TEST_CASE_METHOD(Faults, "error-after-apply makes the change and answers an error") {
  node().SetFaults({"error-after-apply=INTERNAL@WriteRef"});
  CHECK(Write() == "INTERNAL: fault: error after apply");
  CHECK(Written());
}

TEST_CASE_METHOD(Faults, "freeze-then-apply outlives the caller's deadline") {
  node().SetFaults({"freeze-then-apply=1000@WriteRef"});
  CHECK(Write(milliseconds(200)).rfind("DEADLINE_EXCEEDED", 0) == 0);
  CHECK_FALSE(Written());
  CHECK(Eventually([&] { return Written(); }));
}

TEST_CASE_METHOD(Faults, "freeze-then-apply holds a push before its references change") {
  const TemporaryDirectory work;
  PrepareWork(work);
  node().SetFaults({"freeze-then-apply=1500@SSHReceivePack"});
  const auto push = StartPush(work);
  CHECK_FALSE(push->WaitFor(milliseconds(700)));
  CHECK(OnDisk("a.git", "refs/heads/pushed") == "");
  CHECK(push->Wait() == 0);
  CHECK(OnDisk("a.git", "refs/heads/pushed") == id_);
}

TEST_CASE_METHOD(Faults, "apply-after-cancel applies a push whose client was killed") {
  const TemporaryDirectory work;
  PrepareWork(work);
  node().SetFaults({"apply-after-cancel@SSHReceivePack"});
  const auto push = StartPush(work);
  const auto hooks_waiting = [&] {
    return Run({{"pgrep", "-f", node().Folder("a.git").string()}}).output != "";
  };
  REQUIRE(Eventually(hooks_waiting));
  CHECK_FALSE(push->WaitFor(milliseconds(1000)));
  CHECK(OnDisk("a.git", "refs/heads/pushed") == "");
  push->Kill(SIGKILL);
  CHECK(Eventually([&] { return OnDisk("a.git", "refs/heads/pushed") == id_; }));
}

TEST_CASE_METHOD(Faults, "error-after-apply fails a push that was applied") {
  const TemporaryDirectory work;
  PrepareWork(work);
  node().SetFaults({"error-after-apply=UNAVAILABLE@SSHReceivePack"});
  CHECK(StartPush(work)->Wait() != 0);
  CHECK(OnDisk("a.git", "refs/heads/pushed") == id_);
}

TEST_CASE_METHOD(Faults, "stale-lock fails changes until Cleanup") {
  node().SetFaults({"stale-lock@WriteRef"});
  const auto overwrite = [&] { return WriteRef("a.git", "refs/heads/main", id_); };
  CHECK(overwrite().find("main.lock': File exists") != std::string::npos);
  CHECK(overwrite().find("main.lock': File exists") != std::string::npos);
  ::gitaly::CleanupRequest request;
  *request.mutable_repository() = Repository("a.git");
  ::gitaly::CleanupResponse response;
  ::gitaly::RepositoryService::Stub stub(channel());
  CHECK(Text(stub.Cleanup(Context().get(), request, &response)) == "OK");
  CHECK(overwrite() == "OK");
}

TEST_CASE("faults come from the command line as well") {
  NodeClient client({.arguments = {"-fault", "error=ABORTED@RepositoryExists", "-fault",
                                   "delay=1@CreateRepository"}});
  CHECK(client.Create("a.git") == "OK");
  CHECK(client.Exists("a.git") == "ABORTED: fault: error");
}

}  // namespace
}  // namespace praefect::test
