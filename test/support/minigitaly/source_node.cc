#include "source_node.h"

#include <absl/strings/escaping.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <time.h>

#include <nlohmann/json.hpp>

#include "gitaly/objectpool.grpc.pb.h"
#include "gitaly/ref.grpc.pb.h"
#include "gitaly/repository.grpc.pb.h"
#include "gitaly/token.h"

namespace praefect::minigitaly {
namespace {

constexpr std::chrono::seconds kAskTimeout{30};

std::string GrpcTarget(const std::string& address) {
  constexpr std::string_view kTcp = "tcp://";
  return address.rfind(kTcp, 0) == 0 ? address.substr(kTcp.size()) : address;
}

std::string StringMember(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

struct SourceNode::Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel)
      : repositories(channel), references(channel), pools(channel) {}
  ::gitaly::RepositoryService::Stub repositories;
  ::gitaly::RefService::Stub references;
  ::gitaly::ObjectPoolService::Stub pools;
};

absl::StatusOr<SourceAddress> FindSource(const Call& call, const std::string& storage) {
  const std::optional<std::string> encoded = call.Metadata("gitaly-servers");
  std::string text;
  if (!encoded || !absl::Base64Unescape(*encoded, &text)) {
    return absl::InvalidArgumentError("empty gitaly-servers metadata");
  }
  const auto servers = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!servers.is_object()) return absl::InvalidArgumentError("gitaly-servers is no JSON object");
  const auto found = servers.find(storage);
  if (found == servers.end() || !found->is_object()) {
    return absl::InvalidArgumentError("unknown storage: \"" + storage + "\"");
  }
  return SourceAddress{StringMember(*found, "address"), StringMember(*found, "token")};
}

SourceNode::SourceNode(Call& call, SourceAddress source, const ::gitaly::Repository& repository)
    : call_(call),
      source_(std::move(source)),
      repository_(repository),
      stubs_(std::make_unique<Stubs>(
          grpc::CreateChannel(GrpcTarget(source_.address), grpc::InsecureChannelCredentials()))) {}

SourceNode::~SourceNode() = default;

template <typename Function>
absl::Status SourceNode::Ask(Function function) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kAskTimeout);
  if (!source_.token.empty()) {
    context.AddMetadata("authorization", gitaly::MakeAuthorization(source_.token, time(nullptr)));
  }
  const auto watch = call_.WhenCancelled([&context] { context.TryCancel(); });
  const grpc::Status status = function(&context);
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      "ask the source: " + status.error_message());
}

absl::StatusOr<bool> SourceNode::RepositoryExists() {
  ::gitaly::RepositoryExistsRequest request;
  *request.mutable_repository() = repository_;
  ::gitaly::RepositoryExistsResponse response;
  const absl::Status asked = Ask([&](grpc::ClientContext* context) {
    return stubs_->repositories.RepositoryExists(context, request, &response);
  });
  if (!asked.ok()) return asked;
  return response.exists();
}

absl::StatusOr<std::string> SourceNode::DefaultBranch() {
  ::gitaly::FindDefaultBranchNameRequest request;
  *request.mutable_repository() = repository_;
  request.set_head_only(true);
  ::gitaly::FindDefaultBranchNameResponse response;
  const absl::Status asked = Ask([&](grpc::ClientContext* context) {
    return stubs_->references.FindDefaultBranchName(context, request, &response);
  });
  if (!asked.ok()) return asked;
  return response.name();
}

absl::StatusOr<std::string> SourceNode::ObjectPool() {
  ::gitaly::GetObjectPoolRequest request;
  *request.mutable_repository() = repository_;
  ::gitaly::GetObjectPoolResponse response;
  const absl::Status asked = Ask([&](grpc::ClientContext* context) {
    return stubs_->pools.GetObjectPool(context, request, &response);
  });
  if (!asked.ok()) return asked;
  return response.object_pool().repository().relative_path();
}

absl::Status SourceNode::Fetch(const std::string& ssh_helper, const std::filesystem::path& into,
                               bool prune) {
  Git git(call_);
  git.WithVariable("GIT_SSH_COMMAND='" + ssh_helper + "'");
  git.WithVariable("GIT_SSH_VARIANT=ssh");
  git.WithVariable("PRAEFECT_ADDRESS=" + source_.address);
  git.WithVariable("PRAEFECT_TOKEN=" + source_.token);
  git.WithVariable("PRAEFECT_STORAGE=" + repository_.storage_name());
  std::vector<std::string> arguments = {"fetch", "--quiet", "--force", "--no-tags",
                                        "--no-write-fetch-head"};
  if (prune) arguments.push_back("--prune");
  arguments.insert(arguments.end(),
                   {"--", "source:" + repository_.relative_path(), "+refs/*:refs/*"});
  return git.Output(into, arguments).status();
}

}  // namespace praefect::minigitaly
