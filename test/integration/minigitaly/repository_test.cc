// Repositories, storages, and what a node says of itself.

#include <signal.h>

#include <catch2/catch.hpp>

#include "gitaly/namespace.grpc.pb.h"
#include "gitaly/remote.grpc.pb.h"
#include "gitaly/repository.grpc.pb.h"
#include "gitaly/server.grpc.pb.h"
#include "grpc/health.grpc.pb.h"
#include "node_client.h"

namespace praefect::test {
namespace {

constexpr char kZeros[] = "0000000000000000000000000000000000000000";

TEST_CASE_METHOD(NodeClient, "a repository is created, found, moved and removed") {
  CHECK(Exists("a/b.git") == "no");
  CHECK(Create("a/b.git") == "OK");
  CHECK(Create("a/b.git") == "ALREADY_EXISTS: repository exists already");
  CHECK(Exists("a/b.git") == "yes");
  CHECK(Walk() == std::vector<std::string>{"a/b.git"});
  CHECK(Rename("a/b.git", "c/d.git") == "OK");
  CHECK(Exists("a/b.git") == "no");
  CHECK(Walk() == std::vector<std::string>{"c/d.git"});
  CHECK(Remove("c/d.git") == "OK");
  CHECK(Remove("c/d.git") == "NOT_FOUND: repository does not exist");
  CHECK(Walk().empty());
}

TEST_CASE_METHOD(NodeClient, "a repository is never moved onto another one") {
  Create("a.git");
  Create("b.git");
  CHECK(Rename("a.git", "b.git") == "ALREADY_EXISTS: target repo exists already");
  CHECK(Rename("missing.git", "c.git") == "NOT_FOUND: repository not found");
}

TEST_CASE_METHOD(NodeClient, "no path leads out of the storage") {
  const std::string refusal = "INVALID_ARGUMENT: relative path escapes root directory";
  for (const char* path : {"../x.git", "/etc", "a/../../x.git", ".", "a/..", "link/x.git"}) {
    std::filesystem::create_directory_symlink("/tmp", node().Folder("link"));
    CHECK(Create(path) == refusal);
    CHECK(Remove(path) == refusal);
    std::filesystem::remove(node().Folder("link"));
  }
  CHECK(Create("") == "INVALID_ARGUMENT: repository path not set");
}

TEST_CASE_METHOD(NodeClient, "an unknown storage is refused") {
  ::gitaly::RepositoryExistsRequest request;
  ::gitaly::RepositoryExistsResponse response;
  ::gitaly::RepositoryService::Stub stub(channel());
  CHECK(Text(stub.RepositoryExists(Context().get(), request, &response)) ==
        "INVALID_ARGUMENT: repository not set");
  request.mutable_repository()->set_storage_name("elsewhere");
  request.mutable_repository()->set_relative_path("a.git");
  CHECK(Text(stub.RepositoryExists(Context().get(), request, &response)) ==
        "INVALID_ARGUMENT: storage name not found");
}

TEST_CASE_METHOD(NodeClient, "the checksum is made of the references") {
  CHECK(Checksum("a.git") == "NOT_FOUND: repository not found");
  Create("a.git");
  CHECK(Checksum("a.git") == kZeros);
  const std::string first = Push("a.git", "main", "one");
  const std::string one = Checksum("a.git");
  CHECK(one != kZeros);
  CHECK(WriteRef("a.git", "refs/heads/topic", first) == "OK");
  CHECK(Checksum("a.git") != one);
  CHECK(GitIn("a.git", {"update-ref", "-d", "refs/heads/topic"}).exit_status == 0);
  CHECK(Checksum("a.git") == one);
}

TEST_CASE_METHOD(NodeClient, "references outside of the users' name spaces do not count") {
  Create("a.git");
  const std::string id = Push("a.git", "main", "one");
  const std::string checksum = Checksum("a.git");
  CHECK(WriteRef("a.git", "refs/internal/x", id) == "OK");
  CHECK(Checksum("a.git") == checksum);
}

TEST_CASE_METHOD(NodeClient, "ServerInfo names the storage and an identity that lasts") {
  const auto identity = [this] {
    ::gitaly::ServerInfoResponse response;
    ::gitaly::ServerService::Stub stub(Connect(node().address()));
    REQUIRE(Text(stub.ServerInfo(Context().get(), {}, &response)) == "OK");
    REQUIRE(response.storage_statuses_size() == 1);
    CHECK(response.storage_statuses(0).storage_name() == "gitaly-1");
    CHECK(response.storage_statuses(0).readable());
    CHECK(response.storage_statuses(0).writeable());
    CHECK(response.git_version().rfind("2.", 0) == 0);
    return response.storage_statuses(0).filesystem_id();
  };
  const std::string before = identity();
  CHECK(before.size() == 36);
  node().Restart(SIGTERM);
  CHECK(identity() == before);
}

TEST_CASE_METHOD(NodeClient, "DiskStatistics tells of the disk") {
  ::gitaly::DiskStatisticsResponse response;
  ::gitaly::ServerService::Stub stub(channel());
  REQUIRE(Text(stub.DiskStatistics(Context().get(), {}, &response)) == "OK");
  CHECK(response.storage_statuses(0).available() > 0);
}

std::string Health(NodeClient& client, grpc::ClientContext& context) {
  ::grpc::health::v1::HealthCheckResponse response;
  ::grpc::health::v1::Health::Stub stub(client.channel());
  const grpc::Status status = stub.Check(&context, {}, &response);
  return status.ok() ? std::to_string(response.status()) : Text(status);
}

TEST_CASE("health needs the token, unless told otherwise") {
  NodeClient old_node;
  grpc::ClientContext without;
  CHECK(Health(old_node, without) == "UNAUTHENTICATED: authentication required");
  CHECK(Health(old_node, *old_node.Context()) == "1");
  NodeClient new_node({.arguments = {"-health-without-token"}});
  grpc::ClientContext without_either;
  CHECK(Health(new_node, without_either) == "1");
}

TEST_CASE_METHOD(NodeClient, "namespaces are folders") {
  ::gitaly::NamespaceService::Stub stub(channel());
  ::gitaly::AddNamespaceRequest add;
  add.set_storage_name("gitaly-1");
  add.set_name("group");
  ::gitaly::AddNamespaceResponse added;
  CHECK(Text(stub.AddNamespace(Context().get(), add, &added)) == "OK");
  ::gitaly::RenameNamespaceRequest rename;
  rename.set_storage_name("gitaly-1");
  rename.set_from("group");
  rename.set_to("team");
  ::gitaly::RenameNamespaceResponse renamed;
  CHECK(Text(stub.RenameNamespace(Context().get(), rename, &renamed)) == "OK");
  CHECK(std::filesystem::is_directory(node().Folder("team")));
  ::gitaly::RemoveNamespaceRequest remove;
  remove.set_storage_name("gitaly-1");
  remove.set_name("../x");
  ::gitaly::RemoveNamespaceResponse removed;
  CHECK(Text(stub.RemoveNamespace(Context().get(), remove, &removed)) ==
        "INVALID_ARGUMENT: relative path escapes root directory");
}

TEST_CASE_METHOD(NodeClient, "FindRemoteRepository asks the remote") {
  Create("a.git");
  const auto exists = [this](const std::string& remote) {
    ::gitaly::FindRemoteRepositoryRequest request;
    request.set_remote(remote);
    ::gitaly::FindRemoteRepositoryResponse response;
    ::gitaly::RemoteService::Stub stub(channel());
    REQUIRE(stub.FindRemoteRepository(Context().get(), request, &response).ok());
    return response.exists();
  };
  CHECK(exists("file://" + node().Folder("a.git").string()));
  CHECK_FALSE(exists("file://" + node().Folder("missing.git").string()));
}

TEST_CASE_METHOD(NodeClient, "Cleanup, OptimizeRepository and Fsck keep a repository whole") {
  Create("a.git");
  const std::string id = Push("a.git", "main", "one");
  ::gitaly::RepositoryService::Stub stub(channel());
  ::gitaly::OptimizeRepositoryRequest optimize;
  *optimize.mutable_repository() = Repository("a.git");
  ::gitaly::OptimizeRepositoryResponse optimized;
  CHECK(Text(stub.OptimizeRepository(Context().get(), optimize, &optimized)) == "OK");
  CHECK(std::filesystem::exists(node().Folder("a.git") / "packed-refs"));
  CHECK(OnDisk("a.git", "refs/heads/main") == id);
  ::gitaly::FsckRequest check;
  *check.mutable_repository() = Repository("a.git");
  ::gitaly::FsckResponse checked;
  CHECK(Text(stub.Fsck(Context().get(), check, &checked)) == "OK");
  CHECK(checked.error() == "");
}

TEST_CASE_METHOD(NodeClient, "Fsck tells of damage") {
  Create("a.git");
  const std::string id = Push("a.git", "main", "one");
  std::filesystem::remove(node().Folder("a.git") / "objects" / id.substr(0, 2) / id.substr(2));
  ::gitaly::RepositoryService::Stub stub(channel());
  ::gitaly::FsckRequest check;
  *check.mutable_repository() = Repository("a.git");
  ::gitaly::FsckResponse checked;
  CHECK(Text(stub.Fsck(Context().get(), check, &checked)) == "OK");
  CHECK(checked.error() != "");
}

}  // namespace
}  // namespace praefect::test
