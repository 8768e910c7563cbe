// Object pools: one repository borrows objects of another.

#include <catch2/catch.hpp>

#include "gitaly/objectpool.grpc.pb.h"
#include "node_client.h"

namespace praefect::test {
namespace {

constexpr char kPool[] = "@pools/aa/bb/aabb.git";

class PoolClient : public NodeClient {
 public:
  explicit PoolClient(NodeOptions options = {}) : NodeClient(options), stub_(channel()) {}

  ::gitaly::ObjectPool Pool() {
    ::gitaly::ObjectPool pool;
    *pool.mutable_repository() = Repository(kPool);
    return pool;
  }
  std::string CreatePool(const std::string& origin) {
    ::gitaly::CreateObjectPoolRequest request;
    *request.mutable_object_pool() = Pool();
    *request.mutable_origin() = Repository(origin);
    ::gitaly::CreateObjectPoolResponse response;
    return Text(stub_.CreateObjectPool(Context().get(), request, &response));
  }
  std::string DeletePool() {
    ::gitaly::DeleteObjectPoolRequest request;
    *request.mutable_object_pool() = Pool();
    ::gitaly::DeleteObjectPoolResponse response;
    return Text(stub_.DeleteObjectPool(Context().get(), request, &response));
  }
  std::string Link(const std::string& path) {
    ::gitaly::LinkRepositoryToObjectPoolRequest request;
    *request.mutable_object_pool() = Pool();
    *request.mutable_repository() = Repository(path);
    ::gitaly::LinkRepositoryToObjectPoolResponse response;
    return Text(stub_.LinkRepositoryToObjectPool(Context().get(), request, &response));
  }
  std::string Disconnect(const std::string& path) {
    ::gitaly::DisconnectGitAlternatesRequest request;
    *request.mutable_repository() = Repository(path);
    ::gitaly::DisconnectGitAlternatesResponse response;
    return Text(stub_.DisconnectGitAlternates(Context().get(), request, &response));
  }
  std::string FetchInto(const std::string& origin) {
    ::gitaly::FetchIntoObjectPoolRequest request;
    *request.mutable_object_pool() = Pool();
    *request.mutable_origin() = Repository(origin);
    ::gitaly::FetchIntoObjectPoolResponse response;
    return Text(stub_.FetchIntoObjectPool(Context().get(), request, &response));
  }
  std::string PoolOf(const std::string& path) {
    ::gitaly::GetObjectPoolRequest request;
    *request.mutable_repository() = Repository(path);
    ::gitaly::GetObjectPoolResponse response;
    const grpc::Status status = stub_.GetObjectPool(Context().get(), request, &response);
    return status.ok() ? response.object_pool().repository().relative_path() : Text(status);
  }

 private:
  ::gitaly::ObjectPoolService::Stub stub_;
};

TEST_CASE_METHOD(PoolClient, "a repository is linked to a pool and cut off again") {
  Create("a.git");
  const std::string id = Push("a.git", "main", "one");
  CHECK(PoolOf("a.git") == "");
  REQUIRE(CreatePool("a.git") == "OK");
  REQUIRE(Link("a.git") == "OK");
  CHECK(Link("a.git") == "OK");
  CHECK(PoolOf("a.git") == kPool);
  CHECK(GitIn("a.git", {"repack", "-a", "-d", "-l", "-q"}).exit_status == 0);
  REQUIRE(Disconnect("a.git") == "OK");
  CHECK(PoolOf("a.git") == "");
  REQUIRE(DeletePool() == "OK");
  CHECK(GitIn("a.git", {"fsck", "--connectivity-only"}).exit_status == 0);
  CHECK(GitIn("a.git", {"cat-file", "-p", id + ":file"}).output == "one");
}

TEST_CASE_METHOD(PoolClient, "a pool takes in what its origin gets later") {
  Create("a.git");
  Push("a.git", "main", "one");
  REQUIRE(CreatePool("a.git") == "OK");
  CHECK(CreatePool("a.git") == "FAILED_PRECONDITION: target path exists already");
  const std::string id = Push("a.git", "topic", "two");
  REQUIRE(FetchInto("a.git") == "OK");
  CHECK(OnDisk(kPool, "refs/remotes/origin/heads/topic") == id);
}

TEST_CASE_METHOD(PoolClient, "only pools that exist can be linked to") {
  Create("a.git");
  CHECK(Link("a.git") == "FAILED_PRECONDITION: object pool is not a valid git repository");
  CHECK(CreatePool("missing.git") == "NOT_FOUND: repository not found");
}

TEST_CASE("a copy is linked as its source is, when the pool is there") {
  PoolClient source(NodeOptions{.storage = "gitaly-1"});
  PoolClient target(NodeOptions{.storage = "gitaly-2"});
  source.Create("a.git");
  source.Push("a.git", "main", "one");
  source.CreatePool("a.git");
  source.Link("a.git");
  REQUIRE(target.Replicate("a.git", source, /*with_pool=*/true) == "OK");
  CHECK(target.PoolOf("a.git") == "");
  REQUIRE(target.Replicate(kPool, source) == "OK");
  REQUIRE(target.Replicate("a.git", source, /*with_pool=*/true) == "OK");
  CHECK(target.PoolOf("a.git") == kPool);
  CHECK(target.Checksum("a.git") == source.Checksum("a.git"));
}

}  // namespace
}  // namespace praefect::test
