// What the node says of itself: ServerInfo, DiskStatistics, health.

#include <sys/statvfs.h>
#include <unistd.h>

#include "git.h"
#include "gitaly/server.pb.h"
#include "grpc/health.pb.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

absl::StatusOr<std::string> GitVersion(Call& call) {
  const absl::StatusOr<GitResult> result = Git(call).Run({"--version"});
  if (!result.ok()) return result.status();
  const std::string words = TrimNewlines(result->output);
  return words.substr(words.rfind(' ') + 1);
}

absl::Status ServerInfo(const Node& node, Call& call, ::gitaly::ServerInfoResponse* response) {
  const absl::StatusOr<std::string> git_version = GitVersion(call);
  if (!git_version.ok()) return git_version.status();
  response->set_server_version(Text(node.release));
  response->set_git_version(*git_version);
  for (const auto& [name, storage] : node.storages.all()) {
    auto* status = response->add_storage_statuses();
    status->set_storage_name(name);
    status->set_readable(node.unreadable.count(name) == 0 &&
                         access(storage.folder.c_str(), R_OK | X_OK) == 0);
    status->set_writeable(node.unwritable.count(name) == 0 &&
                          access(storage.folder.c_str(), W_OK) == 0);
    status->set_filesystem_id(storage.filesystem_id);
    status->set_replication_factor(1);
  }
  return absl::OkStatus();
}

absl::Status DiskStatistics(const Node& node, ::gitaly::DiskStatisticsResponse* response) {
  for (const auto& [name, storage] : node.storages.all()) {
    auto* status = response->add_storage_statuses();
    status->set_storage_name(name);
    struct statvfs disk {};
    if (statvfs(storage.folder.c_str(), &disk) != 0) continue;
    const auto block = static_cast<int64_t>(disk.f_frsize);
    status->set_available(block * static_cast<int64_t>(disk.f_bavail));
    status->set_used(block * static_cast<int64_t>(disk.f_blocks - disk.f_bfree));
  }
  return absl::OkStatus();
}

}  // namespace

void AddServerMethods(const Node& node, MethodTable& table) {
  using namespace ::gitaly;
  namespace health = ::grpc::health::v1;
  table.AddUnary<ServerInfoRequest, ServerInfoResponse>(
      "/gitaly.ServerService/ServerInfo",
      [&node](Call& call, const ServerInfoRequest&, auto* response) {
        return ServerInfo(node, call, response);
      });
  table.AddUnary<DiskStatisticsRequest, DiskStatisticsResponse>(
      "/gitaly.ServerService/DiskStatistics",
      [&node](Call&, const DiskStatisticsRequest&, auto* response) {
        return DiskStatistics(node, response);
      });
  table.AddUnary<health::HealthCheckRequest, health::HealthCheckResponse>(
      "/grpc.health.v1.Health/Check",
      [&node](Call&, const health::HealthCheckRequest& request, auto* response) {
        if (!request.service().empty()) return absl::NotFoundError("unknown service");
        response->set_status(node.serving ? health::HealthCheckResponse::SERVING
                                          : health::HealthCheckResponse::NOT_SERVING);
        return absl::OkStatus();
      });
}

}  // namespace praefect::minigitaly
