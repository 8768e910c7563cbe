#include "proxy/node_client.h"

#include <fmt/format.h>

#include <future>

#include "gitaly/internal.pb.h"
#include "gitaly/metadata.h"
#include "gitaly/objectpool.pb.h"
#include "gitaly/ref.pb.h"
#include "gitaly/remote.pb.h"
#include "gitaly/repository.pb.h"
#include "gitaly/server.pb.h"
#include "nodes/gitaly_version.h"

namespace praefect::proxy {
namespace {

// Of the list of a storage's repositories: whoever tells more has some.
constexpr size_t kFirstRepositories = 64 << 10;

NodeRequest RequestFor(std::string_view method, const google::protobuf::MessageLite& message,
                       std::string_view service = "RepositoryService") {
  NodeRequest request;
  request.path = fmt::format("/gitaly.{}/{}", service, method);
  request.message = message.SerializeAsString();
  return request;
}

void Name(::gitaly::Repository& repository, const nodes::Node& node, const std::string& path) {
  repository.set_storage_name(node.storage);
  repository.set_relative_path(path);
}

template <class Request>
Request About(const NodePtr& node, const std::string& path) {
  Request request;
  Name(*request.mutable_repository(), *node, path);
  return request;
}

void NoMessage(NodeAnswer& answer) {
  answer.code = http2::StatusCode::kInternal;
  answer.message = "the node's answer is no message of Gitaly's";
}

// The one response of a unary call; without one, or with one that is none, the answer is an error.
template <class Response>
std::optional<Response> Only(NodeAnswer& answer) {
  if (!answer.ok()) return std::nullopt;
  Response response;
  if (answer.responses.size() == 1 && response.ParseFromString(answer.responses[0])) {
    return response;
  }
  NoMessage(answer);
  return std::nullopt;
}

std::optional<std::chrono::nanoseconds> Modified(const ::gitaly::WalkReposResponse& response) {
  if (!response.has_modification_time()) return std::nullopt;
  const auto& time = response.modification_time();
  return std::chrono::seconds(time.seconds()) + std::chrono::nanoseconds(time.nanos());
}

// A node that copies reaches the other one by this.
void TellOf(const nodes::Node& source, NodeRequest& request) {
  request.metadata.emplace_back(
      gitaly::kGitalyServersHeader,
      gitaly::EncodeGitalyServers({{source.storage, {source.address_text, source.token}}}));
}

constexpr char kObjectPools[] = "ObjectPoolService";

}  // namespace

Asked<bool> NodeClient::Exists(const NodePtr& node, const std::string& path) const {
  return std::move(Exists(std::vector{node}, path)[0]);
}

std::vector<Asked<bool>> NodeClient::Exists(const std::vector<NodePtr>& nodes,
                                            const std::string& path) const {
  std::vector<NodeRequest> requests;
  for (const NodePtr& node : nodes) {
    requests.push_back(
        RequestFor("RepositoryExists", About<::gitaly::RepositoryExistsRequest>(node, path)));
    requests.back().timeout = kQuestionTimeout;
  }
  std::vector<Asked<bool>> all;
  for (NodeAnswer& answer : Ask(nodes, std::move(requests))) {
    const auto response = Only<::gitaly::RepositoryExistsResponse>(answer);
    if (response) {
      all.push_back({response->exists(), {}});
    } else {
      all.push_back({std::nullopt, std::move(answer)});
    }
  }
  return all;
}

std::vector<Asked<std::vector<WalkedRepository>>> NodeClient::Walk(
    const std::vector<NodePtr>& nodes, std::chrono::milliseconds timeout) const {
  std::vector<NodeRequest> requests;
  for (const NodePtr& node : nodes) {
    ::gitaly::WalkReposRequest message;
    message.set_storage_name(node->storage);
    requests.push_back({.path = "/gitaly.InternalGitaly/WalkRepos",
                        .message = message.SerializeAsString(),
                        .timeout = timeout,
                        .max_response_bytes = max_walk_bytes_});
  }
  std::vector<Asked<std::vector<WalkedRepository>>> all;
  for (NodeAnswer& answer : Ask(nodes, std::move(requests))) {
    std::vector<WalkedRepository> walked;
    for (const std::string& each : answer.responses) {
      ::gitaly::WalkReposResponse response;
      if (!response.ParseFromString(each)) NoMessage(answer);
      walked.push_back({std::move(*response.mutable_relative_path()), Modified(response)});
    }
    if (answer.ok()) {
      all.push_back({std::move(walked), {}});
    } else {
      all.push_back({std::nullopt, std::move(answer)});
    }
  }
  return all;
}

// At a time; answers in the order of the nodes.
std::vector<NodeAnswer> NodeClient::Ask(const std::vector<NodePtr>& nodes,
                                        std::vector<NodeRequest> requests) const {
  std::vector<std::promise<NodeAnswer>> promises(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    calls_.Start(nodes[i], std::move(requests[i]), [&promise = promises[i]](NodeAnswer answer) {
      promise.set_value(std::move(answer));
    });
  }
  std::vector<NodeAnswer> answers;
  for (auto& promise : promises) answers.push_back(promise.get_future().get());
  return answers;
}

Asked<std::string> NodeClient::Checksum(const NodePtr& node, const std::string& path) const {
  std::promise<Asked<std::string>> promise;
  StartChecksum(node, path, kChecksumTimeout,
                [&](Asked<std::string> asked) { promise.set_value(std::move(asked)); });
  return promise.get_future().get();
}

void NodeClient::StartChecksum(const NodePtr& node, const std::string& path,
                               std::chrono::milliseconds timeout,
                               std::function<void(Asked<std::string>)> done) const {
  NodeRequest request =
      RequestFor("CalculateChecksum", About<::gitaly::CalculateChecksumRequest>(node, path));
  request.timeout = timeout;
  calls_.Start(node, std::move(request), [done = std::move(done)](NodeAnswer answer) {
    if (const auto response = Only<::gitaly::CalculateChecksumResponse>(answer)) {
      return done({response->checksum(), {}});
    }
    done({std::nullopt, std::move(answer)});
  });
}

Asked<std::string> NodeClient::FilesystemId(const NodePtr& node) const {
  NodeRequest request;
  request.path = "/gitaly.ServerService/ServerInfo";
  request.timeout = kQuestionTimeout;
  NodeAnswer answer = calls_.Wait(node, std::move(request));
  const auto response = Only<::gitaly::ServerInfoResponse>(answer);
  if (!response) return {std::nullopt, std::move(answer)};
  for (const auto& storage : response->storage_statuses()) {
    if (storage.storage_name() == node->storage) return {storage.filesystem_id(), {}};
  }
  answer.code = http2::StatusCode::kNotFound;
  answer.message = fmt::format("the node serves no storage \"{}\"", node->storage);
  return {std::nullopt, std::move(answer)};
}

Asked<bool> NodeClient::IsEmpty(const NodePtr& node) const {
  ::gitaly::WalkReposRequest message;
  message.set_storage_name(node->storage);
  NodeRequest request;
  request.path = "/gitaly.InternalGitaly/WalkRepos";
  request.message = message.SerializeAsString();
  request.timeout = kWalkTimeout;
  request.max_response_bytes = kFirstRepositories;
  NodeAnswer answer = calls_.Wait(node, std::move(request));
  if (answer.ok()) return {answer.responses.empty(), {}};
  if (answer.code == http2::StatusCode::kResourceExhausted) return {false, {}};
  return {std::nullopt, std::move(answer)};
}

NodeAnswer NodeClient::Replicate(const NodePtr& node, const nodes::Node& source,
                                 const std::string& path, Gate gate) const {
  auto message = About<::gitaly::ReplicateRepositoryRequest>(node, path);
  Name(*message.mutable_source(), source, path);
  NodeRequest request = RequestFor("ReplicateRepository", message);
  TellOf(source, request);
  request.gate = std::move(gate);
  return calls_.Wait(node, std::move(request));
}

NodeAnswer NodeClient::Fetch(const NodePtr& node, const nodes::Node& source,
                             const std::string& path, Gate gate) const {
  auto message = About<::gitaly::FetchInternalRemoteRequest>(node, path);
  Name(*message.mutable_remote_repository(), source, path);
  NodeRequest request = RequestFor("FetchInternalRemote", message, "RemoteService");
  TellOf(source, request);
  request.gate = std::move(gate);
  NodeAnswer answer = calls_.Wait(node, std::move(request));
  const auto response = Only<::gitaly::FetchInternalRemoteResponse>(answer);
  if (response && !response->result()) {  // the node's log has git's words
    answer.code = http2::StatusCode::kInternal;
    answer.message =
        fmt::format("node \"{}\" could not fetch from \"{}\"", node->storage, source.storage);
  }
  return answer;
}

NodeAnswer NodeClient::Create(const NodePtr& node, const std::string& path, Gate gate) const {
  NodeRequest request =
      RequestFor("CreateRepository", About<::gitaly::CreateRepositoryRequest>(node, path));
  request.gate = std::move(gate);
  return calls_.Wait(node, std::move(request));
}

NodeAnswer NodeClient::SetHead(const NodePtr& node, const std::string& path,
                               const std::string& branch, Gate gate) const {
  auto message = About<::gitaly::WriteRefRequest>(node, path);
  message.set_ref("HEAD");
  message.set_revision(branch);
  NodeRequest request = RequestFor("WriteRef", message);
  request.gate = std::move(gate);
  return calls_.Wait(node, std::move(request));
}

NodeAnswer NodeClient::Remove(const NodePtr& node, const std::string& path, Gate gate) const {
  NodeRequest request =
      RequestFor("RemoveRepository", About<::gitaly::RemoveRepositoryRequest>(node, path));
  request.gate = std::move(gate);
  NodeAnswer answer = calls_.Wait(node, std::move(request));
  if (answer.code == http2::StatusCode::kNotFound) answer.code = http2::StatusCode::kOk;
  return answer;
}

Asked<std::string> NodeClient::DefaultBranch(const NodePtr& node, const std::string& path) const {
  auto message = About<::gitaly::FindDefaultBranchNameRequest>(node, path);
  message.set_head_only(true);
  NodeRequest request = RequestFor("FindDefaultBranchName", message, "RefService");
  request.timeout = kQuestionTimeout;
  NodeAnswer answer = calls_.Wait(node, std::move(request));
  if (auto response = Only<::gitaly::FindDefaultBranchNameResponse>(answer)) {
    return {std::move(*response->mutable_name()), {}};
  }
  return {std::nullopt, std::move(answer)};
}

Asked<std::string> NodeClient::Fsck(const NodePtr& node, const std::string& path) const {
  NodeRequest request = RequestFor("Fsck", About<::gitaly::FsckRequest>(node, path));
  request.timeout = kFsckTimeout;
  NodeAnswer answer = calls_.Wait(node, std::move(request));
  if (auto response = Only<::gitaly::FsckResponse>(answer)) {
    return {std::move(*response->mutable_error()), {}};
  }
  return {std::nullopt, std::move(answer)};
}

Asked<std::string> NodeClient::PoolOf(const NodePtr& node, const std::string& path) const {
  NodeRequest request =
      RequestFor("GetObjectPool", About<::gitaly::GetObjectPoolRequest>(node, path), kObjectPools);
  request.timeout = kQuestionTimeout;
  NodeAnswer answer = calls_.Wait(node, std::move(request));
  if (const auto response = Only<::gitaly::GetObjectPoolResponse>(answer)) {
    return {response->object_pool().repository().relative_path(), {}};
  }
  return {std::nullopt, std::move(answer)};
}

NodeAnswer NodeClient::LinkToPool(const NodePtr& node, const std::string& path,
                                  const std::string& pool, Gate gate) const {
  auto message = About<::gitaly::LinkRepositoryToObjectPoolRequest>(node, path);
  Name(*message.mutable_object_pool()->mutable_repository(), *node, pool);
  NodeRequest request = RequestFor("LinkRepositoryToObjectPool", message, kObjectPools);
  request.gate = std::move(gate);
  return calls_.Wait(node, std::move(request));
}

NodeAnswer NodeClient::Unlink(const NodePtr& node, const std::string& path, Gate gate) const {
  NodeRequest request =
      RequestFor("DisconnectGitAlternates",
                 About<::gitaly::DisconnectGitAlternatesRequest>(node, path), kObjectPools);
  request.gate = std::move(gate);
  return calls_.Wait(node, std::move(request));
}

NodeAnswer NodeClient::CleanUp(const NodePtr& node, const std::string& path, Gate gate) const {
  NodeRequest request = nodes::KnowsCleanup(node->server_version)
                            ? RequestFor("Cleanup", About<::gitaly::CleanupRequest>(node, path))
                            : RequestFor("OptimizeRepository",
                                         About<::gitaly::OptimizeRepositoryRequest>(node, path));
  request.gate = std::move(gate);
  return calls_.Wait(node, std::move(request));
}

}  // namespace praefect::proxy
