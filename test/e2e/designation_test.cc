// Who takes a repository's writes: a moved designation, a dead primary, one that lost its disk.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <future>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"
#include "support/postgres_server.h"

namespace praefect::test {
namespace {

// The configuration with another designated storage.
std::string Designated(std::string config, const std::string& storage) {
  for (size_t at = 0; (at = config.find("primary = true", at)) != std::string::npos;) {
    config.replace(at, 14, "primary = false");
  }
  const size_t node = config.find("storage = '" + storage + "'");
  config.replace(config.find("primary = false", node), 15, "primary = true");
  return config;
}

class Designating {
 public:
  explicit Designating(bool postgres = false, int replication_factor = 0) {
    std::filesystem::create_directory(folder_ / "tmp");
    ClusterSetup setup;
    setup.virtual_storages[0].replication_factor = replication_factor;
    if (postgres) {
      server_.emplace();
      setup.database =
          fmt::format("host = '{}'\nport = {}\nuser = 'postgres'\ndbname = 'postgres'\n",
                      server_->directory().string(), server_->port());
      Migrate(setup.database);
    }
    cluster_.emplace(setup);
  }

  Cluster& cluster() { return *cluster_; }
  StorageNode& node(size_t index) { return cluster_->node(index); }
  PraefectDaemon& praefect() { return cluster_->praefect(); }

  void Designate(const std::string& storage) {
    cluster_->Reload(cluster_->config(), Designated(cluster_->config(), storage));
  }
  // Another Praefect beside the first, with the same database; which has read this configuration.
  std::unique_ptr<PraefectDaemon> StartSecond() {
    auto second = std::make_unique<PraefectDaemon>(folder_ / "second", cluster_->config());
    second->WaitUntilListening();
    return second;
  }
  double Promotions(const std::string& kind) {
    return praefect().Metric("gitaly_praefect_promotions_total", {"kind=\"" + kind + "\""});
  }
  bool BecomesPromoted(const std::string& kind, int repositories) {
    return Eventually([&] { return Promotions(kind) == repositories; });
  }
  bool IsOn(const std::string& path, size_t node_index, size_t references) {
    return node(node_index).Has(path) && node(node_index).Refs(path).size() == references &&
           node(node_index).Refs(path) == node(0).Refs(path);
  }
  // On all nodes, compared, and nothing more is to be done.
  bool BecomesProven(const std::string& path, size_t references) {
    int looks = 0;
    return Eventually([&] {
      const bool idle = IsOn(path, 0, references) && IsOn(path, 1, references) &&
                        IsOn(path, 2, references) &&
                        praefect().Metric("gitaly_praefect_replication_jobs") == 0;
      looks = idle ? looks + 1 : 0;
      return looks == 5;
    });
  }
  // Copies that were proven.
  double CopiesOnto(const std::string& storage) {
    return praefect().Metric("gitaly_praefect_replication_runs_total",
                             {"storage=\"" + storage + "\"", "result=\"completed\""});
  }
  size_t Pushes(size_t node_index) { return node(node_index).CallsOf("SSHReceivePack"); }
  double Opened() { return praefect().Metric("gitaly_praefect_intents_opened_total"); }
  // The books have told that it is.
  void WaitDesignated(const std::string& storage) {
    REQUIRE(Eventually([&] {
      return praefect().Metric("gitaly_praefect_primaries",
                               {"gitaly_storage=\"" + storage + "\""}) == 1;
    }));
  }
  // Praefect knows that the node is down.
  void WaitDown(const std::string& storage) {
    praefect().WaitLog([&](const nlohmann::json& line) {
      return line.value("msg", "") == "error when pinging healthcheck" &&
             line.value("storage", "") == storage;
    });
  }

 private:
  void Migrate(const std::string& database) {
    WriteFile(folder_ / "database.toml", "[database]\n" + database);
    REQUIRE(Run({{PRAEFECT_PROGRAM, "-config", folder_ / "database.toml", "sql-migrate"},
                 {},
                 {},
                 {},
                 {}})
                .exit_status == 0);
  }

  const TemporaryDirectory folder_;
  std::optional<PostgresServer> server_;
  std::optional<Cluster> cluster_;
};

Outcome Push(const WorkingCopy& copy, const std::string& branch) {
  return copy.Try({"push", "--quiet", "origin", "HEAD:refs/heads/" + branch});
}

TEST_CASE("A designation that is moved takes the repositories with it, and no write fails") {
  Designating site(GENERATE(false, true));
  const WorkingCopy copy = site.cluster().CreateWithCommit("a.git");
  REQUIRE(site.BecomesProven("a.git", 1));
  site.Designate("gitaly-2");
  int pushes = 1;
  REQUIRE(Eventually([&] {
    CHECK(Push(copy, "branch-" + std::to_string(++pushes)).exit_status == 0);
    return site.Promotions("planned") == 1;
  }));
  const size_t before = site.Pushes(1);
  REQUIRE(Push(copy, "last").exit_status == 0);
  CHECK(site.Pushes(1) > before);
  CHECK(site.BecomesProven("a.git", static_cast<size_t>(pushes) + 1));
}

TEST_CASE("Repositories that nobody writes to are moved in the background") {
  Designating site;
  for (const char* path : {"a.git", "b.git", "c.git"}) {
    site.cluster().CreateWithCommit(path);
    REQUIRE(site.BecomesProven(path, 1));
  }
  site.Designate("gitaly-3");
  CHECK(site.BecomesPromoted("planned", 3));
}

TEST_CASE("What the designated storage lacks stays where it is until it is copied") {
  Designating site;
  site.node(1).SetFaults("error=UNAVAILABLE@ReplicateRepository");
  const WorkingCopy copy = site.cluster().CreateWithCommit("a.git");
  site.Designate("gitaly-2");
  CHECK(Push(copy, "other").exit_status == 0);
  CHECK(site.Pushes(0) == 2);
  CHECK(site.Promotions("planned") == 0);
  site.node(1).SetFaults("");
  CHECK(site.BecomesPromoted("planned", 1));
  CHECK(Push(copy, "third").exit_status == 0);
  CHECK(site.Pushes(1) == 1);
}

// A push whose call is open, and which sends nothing until it is let go.
class HeldPush {
 public:
  HeldPush(Designating& site, const WorkingCopy& copy, const std::string& branch)
      : released_(site.cluster().Scratch("released")) {
    const auto hook = copy.directory() / ".git" / "hooks" / "pre-push";
    std::filesystem::create_directories(hook.parent_path());
    WriteFile(hook, fmt::format("#!/bin/sh\nwhile [ ! -e '{}' ]; do sleep 0.05; done\n",
                                released_.string()));
    std::filesystem::permissions(hook, std::filesystem::perms::owner_all);
    const size_t before = site.Pushes(0);
    push_ = std::async(std::launch::async, [&copy, branch] { return Push(copy, branch); });
    REQUIRE(Eventually([&] { return site.Pushes(0) > before; }));
  }
  ~HeldPush() { WriteFile(released_, ""); }

  Outcome LetGo() {
    WriteFile(released_, "");
    return push_.get();
  }

 private:
  const std::filesystem::path released_;
  std::future<Outcome> push_;
};

TEST_CASE("A move waits for the write that is open, and the next write for the move") {
  Designating site;
  const WorkingCopy copy = site.cluster().CreateWithCommit("a.git");
  const WorkingCopy other = site.cluster().Clone("a.git");
  REQUIRE(site.BecomesProven("a.git", 1));
  HeldPush held(site, copy, "slow");
  site.Designate("gitaly-2");
  site.WaitDesignated("gitaly-2");
  auto next = std::async(std::launch::async, [&] { return Push(other, "next"); });
  REQUIRE(
      Eventually([&] { return site.praefect().Metric("gitaly_praefect_moves_waited_for") == 1; }));
  CHECK(held.LetGo().exit_status == 0);
  CHECK(next.get().exit_status == 0);
  CHECK(site.Pushes(0) == 2);
  CHECK(site.Pushes(1) == 1);
  CHECK(site.BecomesProven("a.git", 3));
}

TEST_CASE("A move that an open write holds up too long is given up, and writes go on") {
  Designating site;
  const WorkingCopy copy = site.cluster().CreateWithCommit("a.git");
  const WorkingCopy other = site.cluster().Clone("a.git");
  REQUIRE(site.BecomesProven("a.git", 1));
  HeldPush held(site, copy, "slow");
  site.Designate("gitaly-2");
  site.WaitDesignated("gitaly-2");
  CHECK(Push(other, "next").exit_status == 0);
  CHECK(site.Pushes(0) == 3);
  const auto line = site.praefect().WaitLog(
      "a move of a primary took too long: writes go on at the old one for now");
  CHECK(line.value("reason", "") == "1 writes are open");
  CHECK(site.praefect().Metric("gitaly_praefect_moves_given_up_total") == 1);
  CHECK(held.LetGo().exit_status == 0);
  CHECK(site.BecomesPromoted("planned", 1));
}

TEST_CASE("A dead primary's successor is whom the operator designates, when it holds all") {
  Designating site(GENERATE(false, true));
  const WorkingCopy copy = site.cluster().CreateWithCommit("a.git");
  REQUIRE(site.BecomesProven("a.git", 1));
  site.cluster().primary().Crash();
  // Nobody else takes over by himself: the write is refused before it is recorded.
  REQUIRE(Eventually([&] {
    return Push(copy, "other").error.find("primary is not healthy") != std::string::npos;
  }));
  const double opened = site.Opened();
  CHECK(Push(copy, "other").exit_status != 0);
  CHECK(site.Opened() == opened);
  CHECK(site.cluster().TryClone("a.git").exit_status == 0);
  site.Designate("gitaly-2");
  CHECK(Eventually([&] { return Push(copy, "other").exit_status == 0; }));
  CHECK(site.Promotions("forced") == 1);
  site.cluster().primary().Start();
  CHECK(site.BecomesProven("a.git", 2));
}

TEST_CASE("A designated storage that lacks writes does not succeed a dead primary") {
  Designating site;
  const WorkingCopy copy = site.cluster().CreateWithCommit("a.git");
  REQUIRE(site.BecomesProven("a.git", 1));
  site.node(1).SetFaults("error=UNAVAILABLE@ReplicateRepository");
  const double before = site.CopiesOnto("gitaly-3");
  REQUIRE(Push(copy, "second").exit_status == 0);
  REQUIRE(Eventually([&] { return site.CopiesOnto("gitaly-3") > before; }));
  site.cluster().primary().Crash();
  site.Designate("gitaly-2");
  Outcome refused;
  REQUIRE(Eventually([&] {
    refused = Push(copy, "other");
    return refused.error.find("which is designated now, does not hold every") != std::string::npos;
  }));
  CHECK_THAT(refused.error, Catch::Contains("bring one back that does"));
  CHECK(site.cluster().TryClone("a.git").exit_status == 0);
  site.cluster().primary().Start();
  CHECK(Eventually([&] { return Push(copy, "other").exit_status == 0; }));
  site.node(1).SetFaults("");
  CHECK(site.BecomesPromoted("planned", 1));
  CHECK(site.BecomesProven("a.git", 3));
}

TEST_CASE("A primary that lost a repository is replaced at once, and gets it back") {
  Designating site;
  const WorkingCopy copy = site.cluster().CreateWithCommit("a.git");
  REQUIRE(site.BecomesProven("a.git", 1));
  site.node(2).SetFaults("error=UNAVAILABLE@ReplicateRepository");
  const double before = site.CopiesOnto("gitaly-2");
  REQUIRE(Push(copy, "other").exit_status == 0);
  REQUIRE(Eventually([&] { return site.CopiesOnto("gitaly-2") > before; }));
  std::filesystem::remove_all(site.node(0).Folder("a.git"));
  site.node(2).SetFaults("");
  // Whoever copies from it finds out; another one that holds all takes over until it is back.
  REQUIRE(Eventually([&] { return Push(copy, "third").exit_status == 0; }));
  CHECK(Eventually([&] { return site.Promotions("planned") >= 1; }));
  CHECK(site.BecomesProven("a.git", 3));
}

TEST_CASE("Two Praefects whose files differ do not promote against each other") {
  Designating site(true);
  const WorkingCopy copy = site.cluster().CreateWithCommit("a.git");
  REQUIRE(site.BecomesProven("a.git", 1));
  const auto second = site.StartSecond();
  second->WaitLog("the books tell which storage is designated as primary");
  const auto promotions = [&] {
    return site.Promotions("planned") +
           second->Metric("gitaly_praefect_promotions_total", {"kind=\"planned\""});
  };
  site.Designate("gitaly-2");
  const auto line = site.praefect().WaitLog(
      "the designated primary of this configuration is not in force: the files of all running "
      "Praefects have to name the same one");
  CHECK(line.value("in_force", "") == "gitaly-1");
  CHECK(line.value("others", "").find("(gitaly-1)") != std::string::npos);
  CHECK(Push(copy, "other").exit_status == 0);
  CHECK(site.Pushes(0) == 2);
  second->Configure(site.cluster().config());
  second->Signal(SIGHUP);
  CHECK(Eventually([&] { return promotions() == 1; }));
  CHECK(Push(copy, "third").exit_status == 0);
  CHECK(site.BecomesProven("a.git", 3));
  CHECK(promotions() == 1);
  second->Signal(SIGTERM);
  CHECK(second->WaitExit() == 0);
}

TEST_CASE("A repository is removed while its primary is down, and stays removed") {
  Designating site;
  site.cluster().CreateWithCommit("a.git");
  REQUIRE(site.BecomesProven("a.git", 1));
  site.cluster().primary().Crash();
  site.WaitDown("gitaly-1");
  const nlohmann::json request = {{"repository", site.cluster().Repository("a.git")}};
  CHECK(site.cluster().Call("RepositoryService/RemoveRepository", {request}).exit_status == 0);
  CHECK(site.cluster().Call("RepositoryService/RepositoryExists", {request}).output.find("true") ==
        std::string::npos);
  site.cluster().primary().Start();
  CHECK(Eventually([&] { return !site.node(0).Has("a.git") && !site.node(1).Has("a.git"); }));
}

TEST_CASE("A new repository lies on as many nodes as default_replication_factor says") {
  Designating site(false, 2);
  const auto holders = [&](const std::string& path) {
    return site.node(0).Has(path) + site.node(1).Has(path) + site.node(2).Has(path);
  };
  std::filesystem::create_directories(site.node(1).Folder("old.git"));
  REQUIRE(Git({"init", "--bare", "--quiet", "--initial-branch=main",
               site.node(1).Folder("old.git").string()})
              .exit_status == 0);
  const WorkingCopy old = site.cluster().NewWorkingCopy("old.git");
  old.Commit("README", "first\n");
  old.Push({"main"});
  for (const char* path : {"a.git", "b.git", "c.git", "d.git"}) {
    site.cluster().CreateWithCommit(path);
    CHECK(site.node(0).Has(path));
    CHECK(Eventually([&] { return holders(path) == 2; }));
  }
  CHECK(Eventually([&] { return holders("old.git") == 2; }));
  // Five copies for five repositories, and none is left to be done.
  REQUIRE(Eventually([&] {
    return site.praefect().Metric("gitaly_praefect_replication_runs_total",
                                  {"result=\"completed\""}) >= 5 &&
           site.praefect().Metric("gitaly_praefect_replication_jobs") == 0;
  }));
  for (const char* path : {"a.git", "b.git", "c.git", "d.git", "old.git"}) {
    CHECK(holders(path) == 2);
  }
}

}  // namespace
}  // namespace praefect::test
