// SmartHTTPService: the same git, one request and answer at a time.

#include <fmt/format.h>

#include <mutex>

#include "git_stream.h"
#include "gitaly/smarthttp.pb.h"
#include "pre_receive_gate.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

std::string PacketLine(std::string_view text) {
  return fmt::format("{:04x}{}", text.size() + 4, text);
}

template <typename Request>
void Configure(const Request& request, Git& git) {
  for (const std::string& option : request.git_config_options()) git.WithConfig(option);
  if (!request.git_protocol().empty()) git.WithVariable("GIT_PROTOCOL=" + request.git_protocol());
}

template <typename Response>
bool SendData(Call& call, std::string_view bytes) {
  Response response;
  response.set_data(bytes.data(), bytes.size());
  return call.Write(response.SerializeAsString());
}

// Standard error has no place in these messages: it becomes the message of the status.
template <typename Response>
absl::Status RunWithData(Call& call, Git& git, const std::vector<std::string>& arguments,
                         std::function<std::optional<std::string>()> input) {
  std::string complaint;
  GitStream stream;
  stream.input = std::move(input);
  stream.output = [&call](std::string_view bytes) { return SendData<Response>(call, bytes); };
  stream.error = [&complaint](std::string_view bytes) {
    complaint.append(
        bytes.substr(0, kStreamChunkBytes - std::min(complaint.size(), kStreamChunkBytes)));
    return true;
  };
  const absl::StatusOr<int> exit_status = RunGitStream(call, git, arguments, stream);
  if (!exit_status.ok()) return exit_status.status();
  if (*exit_status == 0) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("cmd wait: exit status {}: {}", *exit_status, TrimNewlines(complaint)));
}

absl::Status InfoRefs(const Node& node, Call& call, const char* service,
                      const ::gitaly::InfoRefsRequest& request) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  Git git(call);
  Configure(request, git);
  SendData<::gitaly::InfoRefsResponse>(
      call, PacketLine(fmt::format("# service=git-{}\n", service)) + "0000");
  return RunWithData<::gitaly::InfoRefsResponse>(
      call, git, {service, "--stateless-rpc", "--http-backend-info-refs", path->string()},
      [] { return std::optional<std::string>(); });
}

template <typename Request, typename Response>
absl::Status Post(const Node& node, Call& call, const char* service, const Request& first) {
  if (!first.data().empty()) return absl::InvalidArgumentError("non-empty Data");
  const absl::StatusOr<fs::path> path = node.storages.Repository(first.repository());
  if (!path.ok()) return path.status();
  Git git(call);
  Configure(first, git);
  const auto gate = PreReceiveGate::Install(call, git);
  if (!gate.ok()) return gate.status();
  const auto input = [&call]() -> std::optional<std::string> {
    Request request;
    if (!ReadMessage(call, &request).ok()) return std::nullopt;
    return std::move(*request.mutable_data());
  };
  return RunWithData<Response>(call, git, {service, "--stateless-rpc", path->string()}, input);
}

std::string Method(const char* name) { return fmt::format("/gitaly.SmartHTTPService/{}", name); }

}  // namespace

void AddSmartHttpMethods(const Node& node, MethodTable& table) {
  using namespace ::gitaly;
  table.AddStream<InfoRefsRequest>(Method("InfoRefsUploadPack"),
                                   [&node](Call& call, const InfoRefsRequest& request) {
                                     return InfoRefs(node, call, "upload-pack", request);
                                   });
  table.AddStream<InfoRefsRequest>(Method("InfoRefsReceivePack"),
                                   [&node](Call& call, const InfoRefsRequest& request) {
                                     return InfoRefs(node, call, "receive-pack", request);
                                   });
  table.AddStream<PostUploadPackRequest>(
      Method("PostUploadPack"), [&node](Call& call, const PostUploadPackRequest& first) {
        return Post<PostUploadPackRequest, PostUploadPackResponse>(node, call, "upload-pack",
                                                                   first);
      });
  table.AddStream<PostReceivePackRequest>(
      Method("PostReceivePack"), [&node](Call& call, const PostReceivePackRequest& first) {
        return Post<PostReceivePackRequest, PostReceivePackResponse>(node, call, "receive-pack",
                                                                     first);
      });
}

}  // namespace praefect::minigitaly
