#include "service/findings.h"

#include <catch2/catch.hpp>
#include <string>

namespace praefect::service {
namespace {

using Catch::Matchers::Contains;

// Two nodes that are well, with 12 repositories on both.
class Cluster {
 public:
  Cluster() {
    status.mutable_books()->set_engine("PostgreSQL");
    api::VirtualStorage& storage = *status.add_virtual_storages();
    storage.set_name("default");
    storage.set_repositories(12);
    for (const char* name : {"gitaly-1", "gitaly-2"}) {
      api::Node& node = *storage.add_nodes();
      node.set_storage(name);
      node.set_health("up");
      node.set_current(12);
    }
    node(0).set_primary(true);
    node(0).set_primary_of(12);
  }

  api::VirtualStorage& storage() { return *status.mutable_virtual_storages(0); }
  api::Node& node(int index) { return *storage().mutable_nodes(index); }
  void Park(const std::string& path, int64_t count) {
    api::ParkedJob& job = *storage().add_parked();
    job.set_path(path);
    job.set_storage("gitaly-2");
    job.set_kind("copy");
    job.set_error("no space left on device");
    storage().clear_jobs();
    api::Jobs& jobs = *storage().add_jobs();
    jobs.set_storage("gitaly-2");
    jobs.set_kind("copy");
    jobs.set_state("parked");
    jobs.set_count(count);
  }
  void AddUnknown(const std::string& path, const std::string& storage,
                  const std::string& checksum) {
    api::UnknownContent& content = *this->storage().add_unknown();
    content.set_relative_path(path);
    content.set_storage(storage);
    content.set_kind(checksum.empty() ? "shadowed" : "differs");
    content.set_checksum(checksum);
    status.set_unknown_contents(status.unknown_contents() + 1);
  }
  api::Jobs& Due(int64_t seconds) {
    api::Jobs& jobs = *storage().add_jobs();
    jobs.set_storage("gitaly-2");
    jobs.set_kind("copy");
    jobs.set_state("ready");
    jobs.set_count(3);
    jobs.set_oldest_seconds(seconds);
    return jobs;
  }
  // The findings, one to a line: "ERROR what | reason | next | command".
  std::string Findings() const {
    std::string text;
    for (const api::Finding& finding : FindingsOf(status)) {
      text += api::Finding::Severity_Name(finding.severity()) + " " + finding.what() + " | " +
              finding.reason() + " | " + finding.next() + " | " + finding.command() + "\n";
    }
    return text;
  }

  api::StatusResponse status;
};

TEST_CASE("nothing is found of a cluster that is well, or that will be by itself") {
  Cluster cluster;
  CHECK(cluster.Findings() == "");
  cluster.Due(kLongDueSeconds - 1);
  cluster.node(1).set_behind(3);
  cluster.node(1).set_health("unknown");  // nobody has asked yet
  CHECK(cluster.Findings() == "");
}

TEST_CASE("a dead primary is an error that says how many repositories take no writes") {
  Cluster cluster;
  cluster.node(0).set_health("down");
  cluster.node(0).set_reason("nothing listens there");
  cluster.node(0).set_key_to_check("virtual_storage.node.address");
  CHECK(cluster.Findings() ==
        "ERROR node \"gitaly-1\" of \"default\" is down; it is the primary of 12 repositories: "
        "writes there are refused | nothing listens there | see which layer is broken; look at "
        "virtual_storage.node.address; or let another node take over: primary = true there, in the "
        "files of all Praefects, and HUP | praefect dial-nodes -virtual-storage default\n");
}

TEST_CASE("a dead secondary is a warning, and what is due to it is not told as well") {
  Cluster cluster;
  cluster.node(1).set_health("down");
  cluster.Due(kLongDueSeconds * 10);
  const std::string findings = cluster.Findings();
  CHECK_THAT(findings, Catch::Matchers::StartsWith("WARNING node \"gitaly-2\" of \"default\" is "
                                                   "down | "));
  CHECK_THAT(findings, !Contains("due"));
}

TEST_CASE("errors come first, whatever they are about") {
  Cluster cluster;
  cluster.Park("a.git", 1);
  cluster.node(1).set_health("down");
  cluster.storage().set_repositories_unavailable(1);
  const auto findings = FindingsOf(cluster.status);
  REQUIRE(findings.size() == 3);
  CHECK(findings[0].severity() == api::Finding::ERROR);
  CHECK_THAT(findings[0].what(), Contains("1 repository of \"default\" can be neither read"));
  CHECK_THAT(findings[0].next(), Contains("\"gitaly-2\""));
  CHECK(findings[1].severity() == api::Finding::WARNING);
}

TEST_CASE("the database's being away is said with what to do, by kind of database") {
  Cluster cluster;
  cluster.status.mutable_books()->set_problem("the database cannot be read (connect)");
  CHECK_THAT(cluster.Findings(),
             Contains("writes are refused, reads go on") && Contains("sql-ping"));
  cluster.status.mutable_books()->set_engine("embedded store");
  CHECK_THAT(cluster.Findings(), Contains("disk") && !Contains("sql-ping"));
}

TEST_CASE("while the books cannot be read, a designated node's being down stops writes") {
  Cluster cluster;
  cluster.status.mutable_books()->set_problem("the database cannot be read (connect)");
  cluster.node(0).set_primary_of(0);
  cluster.node(0).set_health("down");
  CHECK_THAT(cluster.Findings(), Contains("ERROR") && Contains("it is the primary, writes are"));
}

TEST_CASE("parked jobs are told with their error, and the rest is counted") {
  Cluster cluster;
  cluster.Park("a.git", 1);
  CHECK_THAT(cluster.Findings(), Contains("the copy of \"a.git\" on node \"gitaly-2\"") &&
                                     Contains("no space left on device"));
  for (const char* path : {"b.git", "c.git", "d.git", "e.git", "f.git"}) {
    cluster.Park(path, 8);
  }
  const std::string findings = cluster.Findings();
  CHECK_THAT(findings, Contains("e.git") && !Contains("f.git"));
  CHECK_THAT(findings, Contains("3 jobs of \"default\" given up for now as well"));
}

TEST_CASE("copies that have been due for long to a node that is up are told") {
  Cluster cluster;
  cluster.Due(kLongDueSeconds).set_last_error("the node is busy");
  CHECK_THAT(cluster.Findings(), Contains("WARNING 3 copies are to node \"gitaly-2\" of "
                                          "\"default\" due, the oldest for 10 min") &&
                                     Contains("the node is busy"));
}

TEST_CASE("what is in the way of a copy is told before what failed, with what to do") {
  Cluster cluster;
  for (const char* path : {"a.git", "b.git"}) cluster.Park(path, 2);
  cluster.storage().mutable_parked(1)->set_in_the_way(true);
  const auto findings = FindingsOf(cluster.status);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].what() ==
        "\"b.git\" is not copied to node \"gitaly-2\": something unknown is in the way");
  CHECK_THAT(findings[0].next(), Contains("move it away") && Contains("HUP"));
}

TEST_CASE("an exchanged disk is told once, with the command to decide") {
  Cluster cluster;
  cluster.node(1).set_disk_problem("another filesystem_id");
  cluster.node(1).set_disk_exchanged(true);
  cluster.node(1).set_suspect(2);
  CHECK(cluster.Findings() ==
        "WARNING node \"gitaly-2\" of \"default\" came back with another disk: 2 replicas are not "
        "used, and nothing is written there | another filesystem_id | mount the old disk again; "
        "when it is gone for good, see what giving it up means | praefect accept-disk "
        "-virtual-storage default -storage gitaly-2\n");
}

TEST_CASE("deletes for a storage that left are told once, with the command to give them up") {
  Cluster cluster;
  cluster.Park("a.git", 1);
  cluster.storage().mutable_parked(0)->set_storage("gitaly-9");
  cluster.storage().mutable_jobs(0)->set_storage("gitaly-9");
  api::Departed& departed = *cluster.status.add_departed();
  departed.set_virtual_storage("default");
  departed.set_storage("gitaly-9");
  departed.set_deletes(2);
  CHECK(cluster.Findings() ==
        "WARNING 2 deletes wait for storage \"gitaly-9\" of \"default\", which left the "
        "configuration | what clients removed may still lie there | configure it again; when it "
        "will not come back, see what giving them up means | praefect give-up-deletes "
        "-virtual-storage default -storage gitaly-9\n");
}

TEST_CASE("contents that differ are an error that names them, shadowed ones a warning") {
  Cluster cluster;
  cluster.AddUnknown("a.git", "gitaly-1", "1111111111111111");
  cluster.AddUnknown("a.git", "gitaly-2", "2222222222222222");
  cluster.AddUnknown("b.git", "gitaly-2", "");
  const auto findings = FindingsOf(cluster.status);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].severity() == api::Finding::ERROR);
  CHECK_THAT(findings[0].what(), Contains("\"a.git\" of \"default\" takes no writes"));
  CHECK(findings[0].reason() ==
        "the checksums are 111111111111 on \"gitaly-1\", 222222222222 on \"gitaly-2\"");
  CHECK(findings[1].what() == "something unknown has the name \"b.git\" on node \"gitaly-2\"");
  CHECK(findings[1].command() == "praefect metadata -virtual-storage default -relative-path b.git");
}

TEST_CASE("of many unknown contents the first are told, and the rest is counted") {
  Cluster cluster;
  for (int i = 0; i < 7; ++i) cluster.AddUnknown(std::to_string(i) + ".git", "gitaly-1", "");
  cluster.status.set_unknown_contents(40);
  CHECK_THAT(cluster.Findings(), Contains("\"4.git\"") && !Contains("\"5.git\"") &&
                                     Contains("35 unknown contents are on nodes"));
}

TEST_CASE("disks and nodes that fail are told") {
  Cluster cluster;
  cluster.node(0).set_disk_problem("another filesystem_id");
  cluster.node(1).set_degraded("12 of 20 calls failed");
  cluster.node(1).set_suspect(2);
  const std::string findings = cluster.Findings();
  CHECK_THAT(findings, Contains("ERROR nothing is written to node \"gitaly-1\""));
  CHECK_THAT(findings, Contains("WARNING node \"gitaly-2\" of \"default\" fails calls"));
  CHECK_THAT(findings, Contains("2 replicas of node \"gitaly-2\" of \"default\" are not used"));
}

}  // namespace
}  // namespace praefect::service
