// What an operator sees of the books from outside: `praefect status`, `praefect metadata`,
// PraefectInfoService and the metrics.

#include <fmt/format.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <signal.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <deque>
#include <nlohmann/json.hpp>

#include "e2e/operated.h"
#include "gitaly/praefect.grpc.pb.h"
#include "nodes/channel.h"
#include "service/info_service.h"
#include "service/survey.h"
#include "support/postgres_server.h"

namespace praefect::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::json;

// By its id and not by its name where a node was away when it was created.
constexpr char kFirstClusterPath[] = "@cluster/repositories/6b/86/1";

// A commit without files, on this branch of a bare repository.
void WriteRoot(const std::filesystem::path& repository, const std::string& reference) {
  const std::string folder = "--git-dir=" + repository.string();
  const Outcome tree = Git({folder, "hash-object", "-w", "-t", "tree", "/dev/null"});
  const std::string id = tree.output.substr(0, tree.output.find('\n'));
  const Outcome commit =
      Git({folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", id, "-m", "root"});
  REQUIRE(commit.exit_status == 0);
  const std::string root = commit.output.substr(0, commit.output.find('\n'));
  REQUIRE(Git({folder, "update-ref", reference, root}).exit_status == 0);
}

TEST_CASE("Of a cluster that is well, status says so and metadata shows every replica current") {
  Operated operated;
  operated.cluster.CreateWithCommit("a.git");
  REQUIRE(operated.IsWell(1));
  CHECK_THAT(operated.Praefect({"status"}).output, StartsWith("Nothing is wrong.\n"));
  const Outcome metadata =
      operated.Praefect({"metadata", "-virtual-storage", "default", "-relative-path", "a.git"});
  CHECK(metadata.exit_status == 0);
  CHECK_THAT(metadata.output, StartsWith("Repository ID: 1\nVirtual Storage: \"default\"\n"
                                         "Relative Path: \"a.git\"\nReplica Path: \"a.git\"\n"
                                         "Primary: \"gitaly-1\"\nGeneration: "));
  CHECK_THAT(metadata.output, Contains("- Storage: \"gitaly-3\"\n  Assigned: true\n") &&
                                  Contains(", fully up to date\n") && !Contains("behind by") &&
                                  Contains(" +0000 UTC\n"));
  CHECK(operated.Praefect({"metadata", "-repository-id", "1"}).output == metadata.output);
}

TEST_CASE("metadata says what upstream says when there is nothing to tell") {
  Operated operated;
  const Outcome unknown = operated.Praefect(
      {"metadata", "-virtual-storage", "default", "-relative-path", "absent.git"});
  CHECK(unknown.exit_status == 1);
  CHECK(unknown.error == "get metadata: rpc error: code = NotFound desc = repository not found\n");
  CHECK(operated.Praefect({"metadata"}).error ==
        "repository ID or virtual storage and relative path required\n");
  CHECK(operated.Praefect({"metadata", "-virtual-storage", "default"}).error ==
        "relative path is required with virtual storage\n");
  CHECK(operated.Praefect({"metadata", "-relative-path", "a"}).error ==
        "virtual storage is required with relative path\n");
  CHECK(operated.Praefect({"metadata", "-repository-id", "1", "-relative-path", "a"}).error ==
        "virtual storage and relative path can't be provided with a repository ID\n");
}

TEST_CASE("Where no Praefect answers, commands say what was asked and what to look at") {
  Operated operated;
  operated.cluster.praefect().Signal(SIGTERM);
  REQUIRE(operated.cluster.praefect().WaitExit() == 0);
  const Outcome status = operated.Praefect({"status"});
  CHECK(status.exit_status == 1);
  CHECK_THAT(status.error, StartsWith("get status: rpc error: code = Unavailable desc = ") &&
                               Contains("to do: this command asks the running Praefect at tcp://"));
}

TEST_CASE(
    "RepositoryReplicas shows the checksums of all replicas, and of those that can be asked") {
  Operated operated;
  operated.cluster.CreateWithCommit("a.git");
  REQUIRE(operated.IsWell(1));
  const json all = json::parse(operated.Replicas("a.git").output);
  const std::string checksum = all.at("primary").at("checksum");
  CHECK(checksum.size() == 40);
  CHECK(all.at("primary").at("repository").at("storageName") == "gitaly-1");
  CHECK(all.at("primary").at("repository").at("relativePath") == "a.git");
  REQUIRE(all.at("replicas").size() == 2);
  for (const json& replica : all.at("replicas")) CHECK(replica.at("checksum") == checksum);

  operated.cluster.node(2).Crash();
  const json some = json::parse(operated.Replicas("a.git").output);
  CHECK(some.at("primary").at("checksum") == checksum);
  CHECK(some.at("replicas").at(1).value("checksum", "") == "");
  operated.cluster.node(2).Start();

  const Outcome unknown = operated.Replicas("absent.git");
  CHECK_THAT(unknown.error, Contains("repository not found"));
}

// Questions for the checksums of one repository's replicas, as many at a time as there are.
class Questions {
 public:
  explicit Questions(const Cluster& cluster, const std::string& address)
      : stub_(::gitaly::PraefectInfoService::NewStub(grpc::CreateChannel(
            address.substr(sizeof "tcp://" - 1), grpc::InsecureChannelCredentials()))),
        token_(cluster.client_token()) {
    request_.mutable_repository()->set_storage_name("default");
    request_.mutable_repository()->set_relative_path("a.git");
  }
  ~Questions() {
    for (Question& question : questions_) question.context.TryCancel();
    CHECK(Eventually([this] { return answered == questions_.size(); }));
  }

  void Ask() {
    Question& question = questions_.emplace_back();
    nodes::Authorize(question.context, token_, std::time(nullptr));
    stub_->async()->RepositoryReplicas(
        &question.context, &request_, &question.response, [this](const grpc::Status& status) {
          if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) ++refused;
          ++answered;
        });
  }

  std::atomic<size_t> answered{0}, refused{0};

 private:
  struct Question {
    grpc::ClientContext context;
    ::gitaly::RepositoryReplicasResponse response;
  };

  const std::unique_ptr<::gitaly::PraefectInfoService::Stub> stub_;
  const std::string token_;
  ::gitaly::RepositoryReplicasRequest request_;
  std::deque<Question> questions_;
};

TEST_CASE("So many ask for checksums of replicas at a time, and a stop waits for none of them") {
  Operated operated;
  operated.cluster.CreateWithCommit("a.git");
  REQUIRE(operated.IsWell(1));
  for (size_t i = 0; i < 3; ++i) operated.cluster.node(i).SetFaults("hang@CalculateChecksum\n");
  Questions questions(operated.cluster, operated.cluster.praefect().address());
  for (int i = 0; i < service::InfoService::kMaxChecksumCalls + 1; ++i) questions.Ask();
  CHECK(Eventually([&] { return questions.refused == 1; }));
  CHECK(questions.answered == 1);
}

TEST_CASE("With the database away, status says so first, and tells the rest") {
  PostgresServer server;
  const TemporaryDirectory folder;
  ClusterSetup setup;
  setup.database = fmt::format("host = '{}'\nport = {}\nuser = 'postgres'\ndbname = 'postgres'\n",
                               server.directory().string(), server.port());
  WriteFile(folder / "database.toml", "[database]\n" + setup.database);
  REQUIRE(
      Run({{PRAEFECT_PROGRAM, "-config", folder / "database.toml", "sql-migrate"}, {}, {}, {}, {}})
          .exit_status == 0);
  Operated operated(setup);
  operated.cluster.CreateWithCommit("a.git");
  REQUIRE(operated.IsWell(1));
  server.Stop();
  REQUIRE(operated.Finds("the books cannot be read: writes are refused"));
  const std::string text = operated.Praefect({"status"}).output;
  CHECK_THAT(text, StartsWith("1 error:\n\nERROR    the books cannot be read"));
  CHECK_THAT(text, Contains("sql-ping") && Contains("AWAY") && Contains("gitaly-3"));
  CHECK_THAT(text, !Contains("postgres") && !Contains(server.directory().string()));
  CHECK_THAT(operated.Praefect({"metadata", "-repository-id", "1"}).error,
             Contains("Unavailable desc = Praefect's database did not answer in time"));
  server.Start();
  CHECK(operated.IsWell(1));
}

TEST_CASE("A dead primary is the first thing that status tells") {
  Operated operated;
  operated.cluster.CreateWithCommit("a.git");
  REQUIRE(operated.IsWell(1));
  operated.cluster.primary().Crash();
  REQUIRE(operated.Finds("node \"gitaly-1\" of \"default\" is down"));
  const Outcome status = operated.Praefect({"status"});
  CHECK(status.exit_status == 1);
  CHECK_THAT(status.output, StartsWith("1 error:\n\nERROR    node \"gitaly-1\" of \"default\" "
                                       "is down; it is the primary of 1\n"));
  CHECK_THAT(status.output, Contains("why:  ") && Contains("run:  praefect dial-nodes"));
  operated.cluster.primary().Start();
  CHECK(operated.IsWell(1));
}

TEST_CASE("What must not be overwritten is told with what to do, and copied once it is away") {
  Operated operated;
  StorageNode& away = operated.cluster.node(2);
  away.Crash();
  operated.cluster.CreateWithCommit("a.git");
  const auto folder = away.Folder(kFirstClusterPath);
  REQUIRE(Git({"init", "--bare", "--quiet", folder.string()}).exit_status == 0);
  away.Start();
  REQUIRE(operated.Finds("\"a.git\" is not copied to node \"gitaly-3\": something unknown"));
  CHECK_THAT(operated.Praefect({"status"}).output,
             Contains("something that Praefect does not know"));
  CHECK(Eventually([&] {
    return operated.cluster.praefect().Metric("gitaly_praefect_replication_runs_total",
                                              {"result=\"parked\"", "storage=\"gitaly-3\""}) >= 1;
  }));

  std::filesystem::remove_all(folder);
  const WorkingCopy copy = operated.cluster.Clone("a.git");
  copy.Commit("README", "second\n");
  copy.Push({"HEAD:refs/heads/other"});
  CHECK(operated.IsWell(1));
  CHECK(away.Has(kFirstClusterPath));
}

TEST_CASE("What has the name of a repository on a node that was away is told until it is gone") {
  Operated operated;
  StorageNode& away = operated.cluster.node(2);
  away.Crash();
  operated.cluster.CreateWithCommit("a.git");
  const auto folder = away.Folder("a.git");
  REQUIRE(Git({"init", "--bare", "--quiet", folder.string()}).exit_status == 0);
  away.Start();
  REQUIRE(operated.Finds("something unknown has the name \"a.git\" on node \"gitaly-3\""));
  CHECK(Eventually([&] { return away.Has(kFirstClusterPath); }));
  CHECK(away.Refs("a.git").empty());
  std::filesystem::remove_all(folder);
  CHECK(operated.IsWell(1));
}

TEST_CASE("What cannot be taken over because it differs is told, until people chose") {
  Operated operated;
  for (const size_t index : {0, 1}) {
    const auto folder = operated.cluster.node(index).Folder("a.git");
    REQUIRE(Git({"init", "--bare", "--quiet", folder.string()}).exit_status == 0);
    WriteRoot(folder, fmt::format("refs/heads/{}", index));
  }
  WorkingCopy copy = operated.cluster.NewWorkingCopy("a.git");
  copy.Commit("README", "first\n");
  const Outcome refused = copy.Try({"push", "origin", "HEAD:refs/heads/other"});
  CHECK_THAT(refused.error, Contains("\"a.git\" cannot be taken over") &&
                                Contains("not the same on all of \"gitaly-1\", \"gitaly-2\""));
  REQUIRE(operated.Finds("\"a.git\" of \"default\" takes no writes"));
  CHECK_THAT(operated.Praefect({"status"}).output, StartsWith("1 error:\n"));

  std::filesystem::remove_all(operated.cluster.node(1).Folder("a.git"));
  CHECK(copy.Try({"push", "origin", "HEAD:refs/heads/other"}).exit_status == 0);
  CHECK(operated.IsWell(1));
}

TEST_CASE("More parked jobs than are listed are counted") {
  Operated operated;
  operated.cluster.node(2).SetFaults("error=UNIMPLEMENTED@ReplicateRepository");
  for (int i = 0; i <= service::kMostListed; ++i) {
    operated.cluster.Create(fmt::format("{}.git", i));
  }
  REQUIRE(Eventually([&] {
    const json told = operated.Status();
    for (const json& jobs : told.at("virtual_storages").at(0).at("jobs")) {
      if (jobs.at("state") == "parked" && jobs.at("count") > service::kMostListed) return true;
    }
    return false;
  }));
  CHECK(operated.Status().at("virtual_storages").at(0).at("parked").size() == service::kMostListed);
}

TEST_CASE("status of one virtual storage, and of one that there is not") {
  Operated operated({.virtual_storages = {{"default", {"gitaly-1"}}, {"other", {"gitaly-2"}}}});
  const Outcome one = operated.Praefect({"status", "-virtual-storage", "other"});
  CHECK_THAT(one.output, Contains("Virtual storage \"other\"") && !Contains("\"default\""));
  CHECK_THAT(operated.Praefect({"status", "-virtual-storage", "absent"}).error,
             Contains("no virtual storage is named \"absent\"; there are: \"default\", \"other\""));
}

TEST_CASE("queue and delays are metrics, with upstream's names where it has them") {
  Operated operated;
  operated.cluster.CreateWithCommit("a.git");
  REQUIRE(operated.IsWell(1));
  const PraefectDaemon& praefect = operated.cluster.praefect();
  CHECK(praefect.Metric("gitaly_praefect_replication_delay_count", {"type=\"update\""}) >= 2);
  CHECK(praefect.Metric("gitaly_praefect_replication_latency_count", {"type=\"update\""}) >= 2);
  CHECK(praefect.Metric("gitaly_praefect_intents_opened_total") >= 2);
  CHECK(praefect.Metric("gitaly_praefect_settle_delay_seconds_count") >= 2);
  CHECK(praefect.Metric("gitaly_praefect_database_transaction_seconds_count") > 0);
  const std::string empty =
      "gitaly_praefect_replication_queue_depth{virtual_storage=\"default\",target_node=\"gitaly-2\""
      ",state=\"ready\"} 0\n";
  CHECK_THAT(praefect.Page("/metrics"), Contains(empty));
  CHECK_THAT(praefect.Page("/db_metrics"), Contains(empty));
  CHECK_THAT(praefect.Page("/db_metrics"), Contains("gitaly_praefect_unavailable_repositories"));
}

}  // namespace
}  // namespace praefect::test
