// What a node leaves behind: nothing.

#include <signal.h>

#include <catch2/catch.hpp>

#include "gitaly/ssh.grpc.pb.h"
#include "node_client.h"

namespace praefect::test {
namespace {

// A fetch that the node began to serve and that waits for us.
class Lifetime : public NodeClient {
 public:
  Lifetime() {
    REQUIRE(Create("a.git") == "OK");
    Push("a.git", "main", "one");
  }

 protected:
  void StartFetch() {
    stub_ = std::make_unique<::gitaly::SSHService::Stub>(channel());
    context_ = Context();
    stream_ = stub_->SSHUploadPack(context_.get());
    ::gitaly::SSHUploadPackRequest request;
    *request.mutable_repository() = Repository("a.git");
    stream_->Write(request);
    ::gitaly::SSHUploadPackResponse response;
    REQUIRE(stream_->Read(&response));  // the advertisement: git runs
    REQUIRE(GitRuns());
  }
  // How the call ended, once everything that arrived before was read.
  std::string End() {
    ::gitaly::SSHUploadPackResponse response;
    while (stream_->Read(&response)) {
    }
    return Text(stream_->Finish());
  }
  // Any process whose command line names the storage, apart from the node itself.
  bool GitRuns() {
    const std::string path = node().Folder("a.git").string();
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string command = ReadFile(entry.path() / "cmdline");
      if (command.find("upload-pack") != std::string::npos &&
          command.find(path) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

  std::unique_ptr<::gitaly::SSHService::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<::gitaly::SSHUploadPackRequest, ::gitaly::SSHUploadPackResponse>>
      stream_;
};

TEST_CASE_METHOD(Lifetime, "children are gone when the node is killed") {
  StartFetch();
  node().process().Kill(SIGKILL);
  node().process().Wait();
  CHECK(Eventually([&] { return !GitRuns(); }));
  CHECK(End().rfind("UNAVAILABLE", 0) == 0);
}

TEST_CASE_METHOD(Lifetime, "TERM ends calls and children, and the node exits with 0") {
  StartFetch();
  node().process().Kill(SIGTERM);
  CHECK(node().process().Wait() == 0);
  CHECK_FALSE(GitRuns());
  CHECK(End() != "OK");
}

TEST_CASE_METHOD(Lifetime, "a cancelled call ends its git") {
  StartFetch();
  context_->TryCancel();
  CHECK(Eventually([&] { return !GitRuns(); }));
  CHECK(End().rfind("CANCELLED", 0) == 0);
}

TEST_CASE_METHOD(Lifetime, "a node comes back on the same port with all it had") {
  const std::string address = node().address();
  node().Restart(SIGKILL);
  CHECK(node().address() == address);
  CHECK(Eventually([&] { return Exists("a.git") == "yes"; }));
}

TEST_CASE_METHOD(Lifetime, "a port has one node") {
  const TemporaryDirectory folder;
  const Outcome second = Run({{MinigitalyProgram(), "-listen", node().address(), "-storage",
                               "b=" + (folder / "b").string()}});
  CHECK(second.exit_status == 1);
  CHECK(second.error.find("cannot listen on") != std::string::npos);
}

TEST_CASE("the program says what it is and refuses what it does not understand") {
  CHECK(Run({{MinigitalyProgram(), "-help"}}).output.find("never installed") != std::string::npos);
  CHECK(Run({{MinigitalyProgram()}}).exit_status == 2);
}

}  // namespace
}  // namespace praefect::test
