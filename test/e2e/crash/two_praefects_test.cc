// Two Praefects with one database: what one does is seen by the other, whatever stands still.

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <time.h>

#include <catch2/catch.hpp>
#include <thread>

#include "e2e/working_copy.h"
#include "gitaly/repository.grpc.pb.h"
#include "gitaly/token.h"
#include "site.h"

namespace praefect::crash {
namespace {

using ::gitaly::RepositoryService;

class TwoPraefects {
 public:
  TwoPraefects() : site(directory_ / "site", &postgres_) {}
  ~TwoPraefects() { CHECK(site.Stop().empty()); }

  void Create(size_t praefect, const std::string& path) {
    ::gitaly::CreateRepositoryRequest request;
    *request.mutable_repository() = Repository(path);
    ::gitaly::CreateRepositoryResponse response;
    Must(Stub(praefect)->CreateRepository(Context().get(), request, &response));
  }
  void Rename(size_t praefect, const std::string& from, const std::string& to) {
    ::gitaly::RenameRepositoryRequest request;
    *request.mutable_repository() = Repository(from);
    request.set_relative_path(to);
    ::gitaly::RenameRepositoryResponse response;
    Must(Stub(praefect)->RenameRepository(Context().get(), request, &response));
  }
  void Remove(size_t praefect, const std::string& path) {
    ::gitaly::RemoveRepositoryRequest request;
    *request.mutable_repository() = Repository(path);
    ::gitaly::RemoveRepositoryResponse response;
    Must(Stub(praefect)->RemoveRepository(Context().get(), request, &response));
  }
  // A new commit to a branch; git's exit code.
  int Push(size_t praefect, const std::string& path, const std::string& branch) {
    const auto folder = directory_ / fmt::format("copy-{}", ++copies_);
    std::filesystem::create_directories(folder);
    const test::WorkingCopy copy(folder, Environment(praefect));
    copy.Git({"init", "--quiet"});
    copy.Commit("file", branch);
    return copy.Try({"push", "--quiet", "praefect:" + path, "main:" + branch}).exit_status;
  }
  // Branches by what Praefect shows.
  std::set<std::string> Branches(size_t praefect, const std::string& path) {
    const test::Outcome listed =
        test::Git({"ls-remote", "praefect:" + path}, Environment(praefect));
    REQUIRE(listed.exit_status == 0);
    std::set<std::string> branches;
    std::istringstream lines(listed.output);
    for (std::string id, name; lines >> id >> name;) {
      if (name.starts_with("refs/heads/")) branches.insert(name.substr(11));
    }
    return branches;
  }
  bool BecomesQuiet() {
    return test::Eventually([&] { return site.Unfinished().empty(); }, std::chrono::seconds(60));
  }
  bool DisksAreEqual() {
    const auto disks = site.Disks();
    return disks.at("gitaly-2") == disks.at("gitaly-1") &&
           disks.at("gitaly-3") == disks.at("gitaly-1");
  }

 private:
  static void Must(const grpc::Status& status) {
    INFO(status.error_message());
    REQUIRE(status.ok());
  }
  static ::gitaly::Repository Repository(const std::string& path) {
    ::gitaly::Repository repository;
    repository.set_storage_name(kVirtualStorage);
    repository.set_relative_path(path);
    return repository;
  }
  static std::unique_ptr<grpc::ClientContext> Context() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->AddMetadata("authorization", gitaly::MakeAuthorization(kClientToken, time(nullptr)));
    context->set_wait_for_ready(true);
    return context;
  }
  std::unique_ptr<RepositoryService::Stub> Stub(size_t praefect) {
    return RepositoryService::NewStub(
        grpc::CreateChannel(site.address(praefect), grpc::InsecureChannelCredentials()));
  }
  std::map<std::string, std::string> Environment(size_t praefect) {
    return {{"GIT_SSH_COMMAND", GIT_SSH_PROGRAM},
            {"PRAEFECT_ADDRESS", site.address(praefect)},
            {"PRAEFECT_TOKEN", kClientToken},
            {"PRAEFECT_STORAGE", kVirtualStorage}};
  }

  const test::TemporaryDirectory directory_;
  test::PostgresServer postgres_;
  int copies_ = 0;

 public:
  Site site;
};

using Set = std::set<std::string>;

TEST_CASE_METHOD(TwoPraefects,
                 "What one Praefect renamed and created again, the other tells apart") {
  Create(0, "a.git");
  REQUIRE(Push(1, "a.git", "first") == 0);  // the other one knows the way
  Rename(0, "a.git", "b.git");
  Create(0, "a.git");
  CHECK(Push(1, "a.git", "second") == 0);
  CHECK(Branches(1, "b.git") == Set{"first"});
  CHECK(Branches(0, "a.git") == Set{"second"});
  Remove(1, "b.git");
  Create(0, "b.git");
  CHECK(Branches(1, "b.git").empty());
  CHECK(BecomesQuiet());
  CHECK(DisksAreEqual());
}

TEST_CASE_METHOD(TwoPraefects, "A push held on its node outlives the Praefect that stands still") {
  Create(0, "a.git");
  REQUIRE(Push(1, "a.git", "first") == 0);
  site.node(0).SetFaults("freeze-then-apply=2000@SSHReceivePack");
  std::thread held([&] { Push(0, "a.git", "held"); });
  const bool came = test::Eventually([&] { return site.node(0).CallsOf("SSHReceivePack") == 2; });
  site.Freeze(0);
  site.node(0).SetFaults("");
  const int meanwhile = Push(1, "a.git", "meanwhile");
  const bool buried = test::Eventually([&] { return site.Instances("buried") > 0; });
  site.Thaw(0);
  held.join();
  REQUIRE(came);
  CHECK(meanwhile == 0);
  CHECK(buried);
  CHECK(BecomesQuiet());
  CHECK(DisksAreEqual());
  CHECK(Branches(1, "a.git").contains("meanwhile"));
}

}  // namespace
}  // namespace praefect::crash
