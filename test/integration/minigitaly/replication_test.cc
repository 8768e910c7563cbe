// One node makes its copy equal to another's.

#include <catch2/catch.hpp>

#include "gitaly/internal.grpc.pb.h"
#include "gitaly/repository.grpc.pb.h"
#include "node_client.h"

namespace praefect::test {
namespace {

class TwoNodes {
 public:
  TwoNodes() { REQUIRE(source_.Create("a.git", "trunk") == "OK"); }

 protected:
  NodeClient source_{NodeOptions{.storage = "gitaly-1", .token = "first secret"}};
  NodeClient target_{NodeOptions{.storage = "gitaly-2", .token = "second secret"}};
};

TEST_CASE_METHOD(TwoNodes, "a new copy has the references, the checksum and HEAD of its source") {
  const std::string id = source_.Push("a.git", "trunk", "one");
  REQUIRE(target_.Replicate("a.git", source_) == "OK");
  CHECK(target_.OnDisk("a.git", "HEAD") == id);
  CHECK(target_.Checksum("a.git") == source_.Checksum("a.git"));
  CHECK(target_.Walk() == std::vector<std::string>{"a.git"});
}

TEST_CASE_METHOD(TwoNodes, "an empty repository is copied, its HEAD included") {
  REQUIRE(target_.Replicate("a.git", source_) == "OK");
  CHECK(target_.GitIn("a.git", {"symbolic-ref", "HEAD"}).output == "refs/heads/trunk\n");
}

TEST_CASE_METHOD(TwoNodes, "a copy is brought up to date, and what went at the source goes") {
  source_.Push("a.git", "trunk", "one");
  const std::string id = source_.Push("a.git", "old", "two");
  REQUIRE(target_.Replicate("a.git", source_) == "OK");
  CHECK(target_.OnDisk("a.git", "refs/heads/old") == id);
  source_.GitIn("a.git", {"update-ref", "-d", "refs/heads/old"});
  source_.Push("a.git", "trunk", "three");  // not a fast-forward
  REQUIRE(target_.Replicate("a.git", source_) == "OK");
  CHECK(target_.OnDisk("a.git", "refs/heads/old") == "");
  CHECK(target_.Checksum("a.git") == source_.Checksum("a.git"));
}

TEST_CASE_METHOD(TwoNodes, "a source that is not there is told apart, and leaves nothing") {
  CHECK(target_.Replicate("missing.git", source_) == "NOT_FOUND: invalid source repository");
  CHECK(target_.Walk().empty());
}

TEST_CASE_METHOD(TwoNodes, "without the way to the source nothing is done") {
  ::gitaly::ReplicateRepositoryRequest request;
  *request.mutable_repository() = target_.Repository("a.git");
  *request.mutable_source() = source_.Repository("a.git");
  ::gitaly::ReplicateRepositoryResponse response;
  ::gitaly::RepositoryService::Stub stub(target_.channel());
  CHECK(Text(stub.ReplicateRepository(target_.Context().get(), request, &response)) ==
        "INVALID_ARGUMENT: empty gitaly-servers metadata");
  CHECK(target_.Exists("a.git") == "no");
}

TEST_CASE_METHOD(TwoNodes, "prune-late updates references first and prunes later") {
  source_.Push("a.git", "trunk", "one");
  source_.Push("a.git", "old", "two");
  REQUIRE(target_.Replicate("a.git", source_) == "OK");
  source_.GitIn("a.git", {"update-ref", "-d", "refs/heads/old"});
  const std::string id = source_.Push("a.git", "new", "three");
  target_.node().SetFaults({"prune-late=600000@ReplicateRepository"});
  CHECK(target_.Replicate("a.git", source_, false, std::chrono::seconds(3))
            .rfind("DEADLINE_EXCEEDED", 0) == 0);
  CHECK(target_.OnDisk("a.git", "refs/heads/new") == id);
  CHECK(target_.OnDisk("a.git", "refs/heads/old") != "");
  target_.node().SetFaults({"prune-late=1@ReplicateRepository"});
  CHECK(target_.Replicate("a.git", source_) == "OK");
  CHECK(target_.OnDisk("a.git", "refs/heads/old") == "");
}

TEST_CASE("an old node leaves HEAD of a copy alone, and refuses what came later") {
  NodeClient source(NodeOptions{.storage = "gitaly-1", .arguments = {"-release", "12.8"}});
  NodeClient target(NodeOptions{.storage = "gitaly-2", .arguments = {"-release", "12.8"}});
  REQUIRE(source.Create("a.git", "trunk") == "OK");
  source.Push("a.git", "trunk", "one");
  source.Push("a.git", "other", "two");
  REQUIRE(target.Replicate("a.git", source) == "OK");
  CHECK(target.GitIn("a.git", {"symbolic-ref", "HEAD"}).output == "refs/heads/trunk\n");
  REQUIRE(source.WriteRef("a.git", "HEAD", "refs/heads/other") == "OK");
  REQUIRE(target.Replicate("a.git", source) == "OK");
  CHECK(target.GitIn("a.git", {"symbolic-ref", "HEAD"}).output == "refs/heads/trunk\n");
  ::gitaly::InternalGitaly::Stub stub(target.channel());
  ::gitaly::WalkReposRequest request;
  request.set_storage_name("gitaly-2");
  const auto context = target.Context();
  CHECK(Text(stub.WalkRepos(context.get(), request)->Finish()) ==
        "UNIMPLEMENTED: unknown method WalkRepos for service gitaly.InternalGitaly");
}

TEST_CASE_METHOD(TwoNodes, "torn-copy takes the content of a file from a new copy") {
  source_.Push("a.git", "trunk", "one");
  target_.node().SetFaults({"torn-copy@ReplicateRepository"});
  REQUIRE(target_.Replicate("a.git", source_) == "OK");
  CHECK(target_.Checksum("a.git") == source_.Checksum("a.git"));
  CHECK_THAT(target_.GitIn("a.git", {"fsck"}).output, Catch::Contains("missing blob"));
}

TEST_CASE_METHOD(TwoNodes, "no token is ever written down") {
  source_.Push("a.git", "trunk", "one");
  REQUIRE(target_.Replicate("a.git", source_) == "OK");
  for (NodeClient* client : {&source_, &target_}) {
    for (const std::string& line : client->node().Record()) {
      CHECK(line.find("secret") == std::string::npos);
      CHECK(line.find("v2.") == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace praefect::test
