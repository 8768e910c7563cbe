#include "node_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <time.h>

#include <algorithm>
#include <stdexcept>

#include "gitaly/internal.grpc.pb.h"
#include "gitaly/repository.grpc.pb.h"
#include "gitaly/token.h"

namespace praefect::test {
namespace {

std::string Line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void Must(const Outcome& outcome) {
  if (outcome.exit_status != 0) throw std::runtime_error("git: " + outcome.error);
}

}  // namespace

std::string Text(const grpc::Status& status) {
  if (status.ok()) return "OK";
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code())) + ": " +
         status.error_message();
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const std::string tcp = "tcp://";
  const std::string target = address.rfind(tcp, 0) == 0 ? address.substr(tcp.size()) : address;
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

NodeClient::NodeClient(NodeOptions options)
    : node_(std::move(options)), channel_(Connect(node_.address())) {}

std::unique_ptr<grpc::ClientContext> NodeClient::Context(
    const std::map<std::string, std::string>& metadata, std::chrono::milliseconds timeout) const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + timeout);
  context->AddMetadata("authorization", gitaly::MakeAuthorization(node_.token(), time(nullptr)));
  for (const auto& [key, value] : metadata) context->AddMetadata(key, value);
  return context;
}

::gitaly::Repository NodeClient::Repository(const std::string& relative_path) const {
  ::gitaly::Repository repository;
  repository.set_storage_name(node_.storage());
  repository.set_relative_path(relative_path);
  return repository;
}

std::string NodeClient::Create(const std::string& path, const std::string& branch) {
  ::gitaly::CreateRepositoryRequest request;
  *request.mutable_repository() = Repository(path);
  request.set_default_branch(branch);
  ::gitaly::CreateRepositoryResponse response;
  ::gitaly::RepositoryService::Stub stub(channel_);
  return Text(stub.CreateRepository(Context().get(), request, &response));
}

std::string NodeClient::Exists(const std::string& path) {
  ::gitaly::RepositoryExistsRequest request;
  *request.mutable_repository() = Repository(path);
  ::gitaly::RepositoryExistsResponse response;
  ::gitaly::RepositoryService::Stub stub(channel_);
  const grpc::Status status = stub.RepositoryExists(Context().get(), request, &response);
  if (!status.ok()) return Text(status);
  return response.exists() ? "yes" : "no";
}

std::string NodeClient::Remove(const std::string& path) {
  ::gitaly::RemoveRepositoryRequest request;
  *request.mutable_repository() = Repository(path);
  ::gitaly::RemoveRepositoryResponse response;
  ::gitaly::RepositoryService::Stub stub(channel_);
  return Text(stub.RemoveRepository(Context().get(), request, &response));
}

std::string NodeClient::Rename(const std::string& path, const std::string& to) {
  ::gitaly::RenameRepositoryRequest request;
  *request.mutable_repository() = Repository(path);
  request.set_relative_path(to);
  ::gitaly::RenameRepositoryResponse response;
  ::gitaly::RepositoryService::Stub stub(channel_);
  return Text(stub.RenameRepository(Context().get(), request, &response));
}

std::string NodeClient::WriteRef(const std::string& path, const std::string& ref,
                                 const std::string& revision, std::chrono::milliseconds timeout) {
  ::gitaly::WriteRefRequest request;
  *request.mutable_repository() = Repository(path);
  request.set_ref(ref);
  request.set_revision(revision);
  ::gitaly::WriteRefResponse response;
  ::gitaly::RepositoryService::Stub stub(channel_);
  return Text(stub.WriteRef(Context({}, timeout).get(), request, &response));
}

std::string NodeClient::Replicate(const std::string& path, NodeClient& source, bool with_pool,
                                  std::chrono::milliseconds timeout) {
  ::gitaly::ReplicateRepositoryRequest request;
  *request.mutable_repository() = Repository(path);
  *request.mutable_source() = source.Repository(path);
  request.set_replicate_object_deduplication_network_membership(with_pool);
  ::gitaly::ReplicateRepositoryResponse response;
  ::gitaly::RepositoryService::Stub stub(channel_);
  const auto context = Context({{"gitaly-servers", source.node().GitalyServers()}}, timeout);
  return Text(stub.ReplicateRepository(context.get(), request, &response));
}

std::string NodeClient::Checksum(const std::string& path) {
  ::gitaly::CalculateChecksumRequest request;
  *request.mutable_repository() = Repository(path);
  ::gitaly::CalculateChecksumResponse response;
  ::gitaly::RepositoryService::Stub stub(channel_);
  const grpc::Status status = stub.CalculateChecksum(Context().get(), request, &response);
  return status.ok() ? response.checksum() : Text(status);
}

std::vector<std::string> NodeClient::Walk() {
  ::gitaly::WalkReposRequest request;
  request.set_storage_name(node_.storage());
  ::gitaly::InternalGitaly::Stub stub(channel_);
  const auto context = Context();
  const auto reader = stub.WalkRepos(context.get(), request);
  std::vector<std::string> paths;
  ::gitaly::WalkReposResponse response;
  while (reader->Read(&response)) paths.push_back(response.relative_path());
  if (const grpc::Status status = reader->Finish(); !status.ok()) return {Text(status)};
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string NodeClient::Push(const std::string& path, const std::string& branch,
                             const std::string& content) {
  const TemporaryDirectory work;
  const auto environment = node_.GitEnvironment();
  Must(Git({"init", "--quiet", work.path()}));
  WriteFile(work / "file", content);
  Must(Git({"add", "file"}, environment, work.path()));
  Must(Git({"commit", "--quiet", "-m", "Write " + branch}, environment, work.path()));
  Must(Git({"push", "--quiet", "--force", "node:" + path, "HEAD:refs/heads/" + branch}, environment,
           work.path()));
  return Line(Git({"rev-parse", "HEAD"}, environment, work.path()).output);
}

std::string NodeClient::OnDisk(const std::string& path, const std::string& ref) {
  return Line(GitIn(path, {"rev-parse", "--verify", "--quiet", ref}).output);
}

Outcome NodeClient::GitIn(const std::string& path, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "--git-dir=" + node_.Folder(path).string());
  return Git(arguments);
}

}  // namespace praefect::test
