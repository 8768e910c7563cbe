#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <google/protobuf/descriptor.pb.h>

#include <catch2/catch.hpp>
#include <set>

#include "gitaly/descriptors.h"
#include "gitaly/method.h"
#include "gitaly/options.pb.h"
#include "golden.h"

namespace praefect::gitaly {
namespace {

namespace pb = google::protobuf;

std::string Describe(const Method& method) {
  constexpr const char* kOperations[] = {"unknown", "accessor", "mutator", "maintenance"};
  constexpr const char* kScopes[] = {"repository", "storage", "partition", "server"};
  std::string line = absl::StrCat(method.path, method.client_streaming ? " c" : " -",
                                  method.server_streaming ? "s " : "- ",
                                  kOperations[static_cast<int>(method.operation)], " ",
                                  kScopes[static_cast<int>(method.scope)]);
  const auto add_path = [&](const char* name, const FieldPath& path) {
    if (!path.empty()) absl::StrAppend(&line, " ", name, "=", absl::StrJoin(path, "."));
  };
  add_path("target", method.target_repository);
  add_path("additional", method.additional_repository);
  add_path("storage", method.storage);
  if (method.handled_by_praefect) line += " praefect";
  return line;
}

std::unique_ptr<const MethodRegistry> BuildRegistry() {
  auto registry = MethodRegistry::Build();
  REQUIRE(registry.ok());
  return *std::move(registry);
}

// A descriptor set that differs from Gitaly's in one message or service.
class ChangedApi {
 public:
  ChangedApi() {
    const std::string_view bytes = EmbeddedDescriptorSet();
    REQUIRE(set_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  }

  pb::FieldDescriptorProto& Field(std::string_view message, std::string_view field) {
    for (auto& file : *set_.mutable_file()) {
      for (auto& one : *file.mutable_message_type()) {
        if (one.name() != message) continue;
        for (auto& candidate : *one.mutable_field()) {
          if (candidate.name() == field) return candidate;
        }
      }
    }
    FAIL("no such field");
    throw 0;
  }

  std::string Error() const {
    const auto registry = MethodRegistry::BuildFrom(set_.SerializeAsString());
    return registry.ok() ? "" : std::string(registry.status().message());
  }

 private:
  pb::FileDescriptorSet set_;
};

TEST_CASE("the registry knows every RPC as Gitaly defines it") {
  const auto registry = BuildRegistry();
  std::vector<std::string> lines;
  for (const Method& method : registry->methods()) lines.push_back(Describe(method));
  CHECK(lines.size() == 230);
  CHECK(test::Difference(test::GoldenLines("methods.golden"), lines) == "");
}

TEST_CASE("a method is found by its path alone") {
  const auto registry = BuildRegistry();
  for (const Method& method : registry->methods()) CHECK(registry->Find(method.path) == &method);
  CHECK(registry->Find("") == nullptr);
  CHECK(registry->Find("/gitaly.RefService/") == nullptr);
  CHECK(registry->Find("/gitaly.RefService/FindAllTagsAndMore") == nullptr);
  CHECK(registry->Find("gitaly.RefService/FindAllTags") == nullptr);
}

TEST_CASE("what is served can be routed") {
  const auto registry = BuildRegistry();
  for (const Method& method : registry->methods()) {
    if (method.handled_by_praefect || !method.not_served.empty()) continue;
    INFO(method.path);
    CHECK(method.operation != Operation::kUnknown);
    CHECK((method.scope == Scope::kRepository || method.scope == Scope::kStorage));
    CHECK(method.target_repository.empty() == (method.scope != Scope::kRepository));
    CHECK(method.storage.empty() == (method.scope != Scope::kStorage));
  }
}

TEST_CASE("what is not served says why") {
  const auto registry = BuildRegistry();
  std::set<std::string> paths;
  for (const Method& method : registry->methods()) {
    if (!method.not_served.empty() && !method.handled_by_praefect) paths.insert(method.path);
  }
  CHECK(paths == std::set<std::string>{
                     "/gitaly.HookService/PackObjectsHookWithSidechannel",
                     "/gitaly.InternalGitaly/BackupRepos",
                     "/gitaly.InternalGitaly/StorePoolMetadata",
                     "/gitaly.PartitionService/BackupPartition",
                     "/gitaly.RepositoryService/RemoveAll",
                     "/gitaly.SSHService/SSHUploadPackWithSidechannel",
                     "/gitaly.SmartHTTPService/PostUploadPackWithSidechannel",
                     "/gitaly.StorageService/DeleteAllRepositories",
                 });
}

TEST_CASE("of what Praefect handles itself, this is served so far") {
  const auto registry = BuildRegistry();
  std::set<std::string> served;
  for (const Method& method : registry->methods()) {
    if (method.handled_by_praefect && method.not_served.empty()) served.insert(method.path);
  }
  CHECK(served == std::set<std::string>{"/gitaly.PraefectInfoService/GetRepositoryMetadata",
                                        "/gitaly.PraefectInfoService/RepositoryReplicas",
                                        "/gitaly.ServerService/DiskStatistics",
                                        "/gitaly.ServerService/ServerInfo"});
}

TEST_CASE("whatever changes which repositories there are is known as such") {
  const auto registry = BuildRegistry();
  int known = 0;
  for (const Method& method : registry->methods()) {
    INFO(method.path);
    const bool writes =
        method.scope == Scope::kRepository && method.operation == Operation::kMutator;
    if (method.naming != Naming::kNone) {
      ++known;
      const bool lists = method.naming == Naming::kLists;
      const bool tells = method.naming == Naming::kAsks || method.naming == Naming::kNamesPool;
      CHECK(method.scope == (lists ? Scope::kStorage : Scope::kRepository));
      CHECK((writes || tells || lists));
      CHECK(method.not_served.empty());
    }
    // Gitaly's own words for it.
    const std::string_view name = method.name;
    const bool repository = name.find("Repository") != name.npos ||
                            name.find("Pool") != name.npos || name.find("Fork") != name.npos;
    if (!writes || !repository) continue;
    const bool creates = name.starts_with("Create") || name.starts_with("CloneFrom") ||
                         name.starts_with("Restore") || name.starts_with("Replicate");
    const bool removes = name.starts_with("Remove") || name.starts_with("Delete");
    if (creates) CHECK(method.naming == Naming::kCreates);
    if (removes) CHECK(method.naming == Naming::kRemoves);
    if (name.starts_with("Rename")) CHECK(method.naming == Naming::kRenames);
  }
  CHECK(known == 17);
}

TEST_CASE("a target that lies in a oneof knows its rivals") {
  const auto registry = BuildRegistry();
  // `apply`, a bool with number 2, and `action`, a message with number 2.
  CHECK(registry->Find("/gitaly.OperationService/UserRebaseConfirmable")->target_rivals ==
        std::vector<uint32_t>{2 << 3 | 0});
  CHECK(registry->Find("/gitaly.OperationService/UserCommitFiles")->target_rivals ==
        std::vector<uint32_t>{2 << 3 | 2});
  CHECK(registry->Find("/gitaly.RefService/FindAllTags")->target_rivals.empty());
}

TEST_CASE("a repository-scoped method without a target fails the start") {
  ChangedApi api;
  api.Field("FindAllTagsRequest", "repository").clear_options();
  CHECK(api.Error() == "method gitaly.RefService.FindAllTags: no target repository");
}

TEST_CASE("two targets in one request fail the start") {
  ChangedApi api;
  api.Field("CreateForkRequest", "source_repository")
      .mutable_options()
      ->SetExtension(::gitaly::target_repository, true);
  CHECK(api.Error() ==
        "method gitaly.RepositoryService.CreateFork: more than one field of "
        "gitaly.CreateForkRequest has the mark 91235");
}

TEST_CASE("a target that is no repository fails the start") {
  ChangedApi api;
  api.Field("ObjectPool", "repository").clear_options();
  CHECK_THAT(api.Error(), Catch::Contains("is no Repository"));
}

TEST_CASE("a storage-scoped method without a storage fails the start") {
  ChangedApi api;
  api.Field("WalkReposRequest", "storage_name").clear_options();
  CHECK(api.Error() == "method gitaly.InternalGitaly.WalkRepos: no storage");
}

TEST_CASE("broken descriptors fail the start") {
  CHECK_FALSE(MethodRegistry::BuildFrom("\xFF\xFF").ok());
  const std::string_view whole = EmbeddedDescriptorSet();
  CHECK_FALSE(MethodRegistry::BuildFrom(whole.substr(0, whole.size() / 2)).ok());
}

}  // namespace
}  // namespace praefect::gitaly
