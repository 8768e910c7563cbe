// SSHService: git's own protocol, carried in messages.

#include "git_stream.h"
#include "gitaly/ssh.pb.h"
#include "pre_receive_gate.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

// All three RPCs send the same three fields, in messages of different types.
template <typename Response>
bool SendOutput(Call& call, std::string_view bytes) {
  Response response;
  response.set_stdout(bytes.data(), bytes.size());
  return call.Write(response.SerializeAsString());
}

template <typename Response>
bool SendError(Call& call, std::string_view bytes) {
  Response response;
  response.set_stderr(bytes.data(), bytes.size());
  return call.Write(response.SerializeAsString());
}

template <typename Response>
absl::Status SendExit(Call& call, int exit_status) {
  Response response;
  response.mutable_exit_status()->set_value(exit_status);
  call.Write(response.SerializeAsString());
  return absl::OkStatus();
}

template <typename Request, typename Response>
absl::Status Carry(Call& call, Git& git, const std::vector<std::string>& arguments) {
  GitStream stream;
  stream.input = [&call]() -> std::optional<std::string> {
    Request request;
    if (!ReadMessage(call, &request).ok()) return std::nullopt;
    return std::move(*request.mutable_stdin());
  };
  stream.output = [&call](std::string_view bytes) { return SendOutput<Response>(call, bytes); };
  stream.error = [&call](std::string_view bytes) { return SendError<Response>(call, bytes); };
  const absl::StatusOr<int> exit_status = RunGitStream(call, git, arguments, stream);
  return exit_status.ok() ? SendExit<Response>(call, *exit_status) : exit_status.status();
}

template <typename Request>
absl::StatusOr<fs::path> CheckFirst(const Node& node, const Request& request) {
  if (!request.stdin().empty())
    return absl::InvalidArgumentError("non-empty stdin in first request");
  return node.storages.Repository(request.repository());
}

template <typename Request>
void Configure(const Request& request, Git& git) {
  for (const std::string& option : request.git_config_options()) git.WithConfig(option);
  if (!request.git_protocol().empty()) git.WithVariable("GIT_PROTOCOL=" + request.git_protocol());
}

absl::Status UploadPack(const Node& node, Call& call, const ::gitaly::SSHUploadPackRequest& first) {
  const absl::StatusOr<fs::path> path = CheckFirst(node, first);
  if (!path.ok()) return path.status();
  Git git(call);
  Configure(first, git);
  return Carry<::gitaly::SSHUploadPackRequest, ::gitaly::SSHUploadPackResponse>(
      call, git, {"upload-pack", path->string()});
}

absl::Status ReceivePack(const Node& node, Call& call,
                         const ::gitaly::SSHReceivePackRequest& first) {
  const absl::StatusOr<fs::path> path = CheckFirst(node, first);
  if (!path.ok()) return path.status();
  Git git(call);
  Configure(first, git);
  const auto gate = PreReceiveGate::Install(call, git);
  if (!gate.ok()) return gate.status();
  return Carry<::gitaly::SSHReceivePackRequest, ::gitaly::SSHReceivePackResponse>(
      call, git, {"receive-pack", path->string()});
}

absl::Status UploadArchive(const Node& node, Call& call,
                           const ::gitaly::SSHUploadArchiveRequest& first) {
  const absl::StatusOr<fs::path> path = CheckFirst(node, first);
  if (!path.ok()) return path.status();
  Git git(call);
  return Carry<::gitaly::SSHUploadArchiveRequest, ::gitaly::SSHUploadArchiveResponse>(
      call, git, {"upload-archive", path->string()});
}

}  // namespace

void AddSshMethods(const Node& node, MethodTable& table) {
  using namespace ::gitaly;
  table.AddStream<SSHUploadPackRequest>("/gitaly.SSHService/SSHUploadPack",
                                        [&node](Call& call, const SSHUploadPackRequest& first) {
                                          return UploadPack(node, call, first);
                                        });
  table.AddStream<SSHReceivePackRequest>("/gitaly.SSHService/SSHReceivePack",
                                         [&node](Call& call, const SSHReceivePackRequest& first) {
                                           return ReceivePack(node, call, first);
                                         });
  table.AddStream<SSHUploadArchiveRequest>(
      "/gitaly.SSHService/SSHUploadArchive",
      [&node](Call& call, const SSHUploadArchiveRequest& first) {
        return UploadArchive(node, call, first);
      });
}

}  // namespace praefect::minigitaly
