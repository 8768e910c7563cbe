#include "service/server_service.h"

#include <fmt/format.h>
#include <grpcpp/channel.h>

#include <chrono>
#include <optional>
#include <utility>

#include "gitaly/metadata.h"
#include "nodes/channel.h"
#include "service/gathering.h"
#include "service/server_info.h"

namespace praefect::service {
namespace {

using ::gitaly::DiskStatisticsResponse;
using ::gitaly::ServerInfoResponse;
using SnapshotPointer = std::shared_ptr<const nodes::Snapshot>;

template <typename Response>
std::unique_ptr<Question<Response>> AskNode(const nodes::Node& node, size_t virtual_storage,
                                            const grpc::CallbackServerContext& client) {
  auto question = std::make_unique<Question<Response>>();
  question->node = &node;
  question->virtual_storage = virtual_storage;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  nodes::Authorize(question->context, node.token,
                   std::chrono::duration_cast<std::chrono::seconds>(now).count());
  const std::string header(gitaly::kCorrelationIdHeader);
  const auto id = client.client_metadata().find(header);
  if (id != client.client_metadata().end()) {
    question->context.AddMetadata(header, std::string(id->second.data(), id->second.size()));
  }
  return question;
}

void LogFailure(observe::Logger& logger, std::string_view message, const nodes::Node& node,
                std::string_view error) {
  logger.Error(message, {{"virtual_storage", node.virtual_storage},
                         {"storage", node.storage},
                         {"address", node.address_text},
                         {"error", error}});
}

// Primaries that answer; the others are left out, and said to be.
class ServerInfoAnswer {
 public:
  ServerInfoAnswer(SnapshotPointer snapshot, observe::Logger& logger, ServerInfoResponse& response)
      : snapshot_(std::move(snapshot)), logger_(logger), response_(response) {}

  Gathering<ServerInfoResponse>::Questions Ask(const grpc::CallbackServerContext& client) const {
    Gathering<ServerInfoResponse>::Questions questions;
    for (size_t i = 0; i < snapshot_->virtual_storages.size(); ++i) {
      const nodes::Node& primary = snapshot_->virtual_storages[i].primary();
      if (primary.routable()) {
        questions.push_back(AskNode<ServerInfoResponse>(primary, i, client));
      } else {
        LogFailure(logger_, "error when getting server info", primary, primary.reason);
      }
    }
    return questions;
  }

  void Add(const Question<ServerInfoResponse>& answer) const {
    const auto& storage = snapshot_->virtual_storages[answer.virtual_storage];
    if (!answer.status.ok()) {
      return LogFailure(logger_, "error when getting server info", *answer.node,
                        answer.status.error_message());
    }
    std::optional<ServerInfoResponse::StorageStatus> status = StatusOf(storage, answer.response);
    if (!status) {
      return LogFailure(logger_, "error when getting server info", *answer.node,
                        "the node has no storage of this name; check virtual_storage.node.storage");
    }
    *response_.add_storage_statuses() = *std::move(status);
    if (!response_.server_version().empty()) return;
    response_.set_server_version(answer.response.server_version());
    response_.set_git_version(answer.response.git_version());
  }

 private:
  SnapshotPointer snapshot_;
  observe::Logger& logger_;
  ServerInfoResponse& response_;
};

// All nodes, as they call their storages themselves.
class DiskStatisticsAnswer {
 public:
  DiskStatisticsAnswer(SnapshotPointer snapshot, observe::Logger& logger,
                       DiskStatisticsResponse& response)
      : snapshot_(std::move(snapshot)), logger_(logger), response_(response) {}

  Gathering<DiskStatisticsResponse>::Questions Ask(
      const grpc::CallbackServerContext& client) const {
    Gathering<DiskStatisticsResponse>::Questions questions;
    for (size_t i = 0; i < snapshot_->virtual_storages.size(); ++i) {
      for (const nodes::Node& node : snapshot_->virtual_storages[i].nodes) {
        questions.push_back(AskNode<DiskStatisticsResponse>(node, i, client));
      }
    }
    return questions;
  }

  grpc::Status Conclude(const Gathering<DiskStatisticsResponse>::Questions& answers) const {
    size_t good = 0;
    for (const auto& answer : answers) {
      if (answer->status.ok()) {
        ++good;
        response_.mutable_storage_statuses()->MergeFrom(answer->response.storage_statuses());
      } else {
        LogFailure(logger_, "error when requesting disk statistics", *answer->node,
                   answer->status.error_message());
      }
    }
    if (good > 0 || answers.empty()) return grpc::Status::OK;
    return {grpc::StatusCode::UNAVAILABLE,
            fmt::format("error when requesting disk statistics from internal storage {}: {}",
                        answers[0]->node->storage, answers[0]->status.error_message())};
  }

 private:
  SnapshotPointer snapshot_;
  observe::Logger& logger_;
  DiskStatisticsResponse& response_;
};

}  // namespace

std::shared_ptr<ServerService::Stub> ServerService::StubFor(const nodes::Node& node) {
  observe::MutexLock lock(mutex_);
  Known& known = stubs_[node.id];
  if (known.stub == nullptr || known.tls != node.tls) {
    known = {::gitaly::ServerService::NewStub(nodes::MakeChannel(node.address, node.tls)),
             node.tls};
  }
  return known.stub;
}

grpc::ServerUnaryReactor* ServerService::ServerInfo(grpc::CallbackServerContext* context,
                                                    const ::gitaly::ServerInfoRequest* request,
                                                    ServerInfoResponse* response) {
  const ServerInfoAnswer answer(nodes_.snapshot(), logger_, *response);
  auto* gathering = new Gathering<ServerInfoResponse>(
      answer.Ask(*context), [answer](const Gathering<ServerInfoResponse>::Questions& answers) {
        for (const auto& each : answers) answer.Add(*each);
        return grpc::Status::OK;
      });
  gathering->Start(*context, [this, request](auto& question, auto done) {
    StubFor(*question.node)
        ->async()
        ->ServerInfo(&question.context, request, &question.response, std::move(done));
  });
  return gathering;
}

grpc::ServerUnaryReactor* ServerService::DiskStatistics(
    grpc::CallbackServerContext* context, const ::gitaly::DiskStatisticsRequest* request,
    DiskStatisticsResponse* response) {
  const DiskStatisticsAnswer answer(nodes_.snapshot(), logger_, *response);
  auto* gathering = new Gathering<DiskStatisticsResponse>(
      answer.Ask(*context), [answer](const Gathering<DiskStatisticsResponse>::Questions& answers) {
        return answer.Conclude(answers);
      });
  gathering->Start(*context, [this, request](auto& question, auto done) {
    StubFor(*question.node)
        ->async()
        ->DiskStatistics(&question.context, request, &question.response, std::move(done));
  });
  return gathering;
}

}  // namespace praefect::service
