#include "carrier.h"

#include <errno.h>
#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <time.h>
#include <unistd.h>

#include <string_view>
#include <thread>

#include "gitaly/ssh.grpc.pb.h"
#include "gitaly/token.h"
#include "support/client_channel.h"

namespace praefect::git_ssh {
namespace {

constexpr size_t kChunkBytes = 64 << 10;

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// -1 on error, 0 at the end.
ssize_t ReadInput(std::string* bytes) {
  bytes->resize(kChunkBytes);
  ssize_t count;
  do {
    count = read(STDIN_FILENO, bytes->data(), bytes->size());
  } while (count < 0 && errno == EINTR);
  bytes->resize(count > 0 ? static_cast<size_t>(count) : 0);
  return count;
}

// Write blocks while the other side does not read: that is the back-pressure on git.
template <typename Request, typename Stream>
void SendInput(Stream& stream) {
  Request request;
  while (ReadInput(request.mutable_stdin()) > 0) {
    if (!stream.Write(request)) return;
  }
  stream.WritesDone();
}

absl::Status InWords(const grpc::Status& status, const Destination& destination) {
  return absl::Status(
      static_cast<absl::StatusCode>(status.error_code()),
      fmt::format("{} answers {} ({}): {}", destination.address,
                  absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code())),
                  status.error_code(), status.error_message()));
}

// `stream` has sent its first message. The sender is left alone: it may hang on standard input
// until the process ends, so it shares ownership of what it uses.
template <typename Request, typename Response, typename Stream>
absl::StatusOr<int> Carry(std::shared_ptr<grpc::ClientContext> context,
                          std::shared_ptr<Stream> stream, const Destination& destination) {
  std::thread([context, stream] { SendInput<Request>(*stream); }).detach();
  int exit_status = 0;
  Response response;
  while (stream->Read(&response)) {
    if (response.has_exit_status()) exit_status = response.exit_status().value();
    if (WriteAll(STDOUT_FILENO, response.stdout()) && WriteAll(STDERR_FILENO, response.stderr())) {
      continue;
    }
    context->TryCancel();  // git has gone
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return InWords(status, destination);
  return exit_status;
}

template <typename Request>
Request FirstRequest(const CommandLine& command, const Destination& destination) {
  Request request;
  request.mutable_repository()->set_storage_name(destination.storage);
  request.mutable_repository()->set_relative_path(command.relative_path);
  return request;
}

std::shared_ptr<grpc::ClientContext> MakeContext(const Destination& destination) {
  auto context = std::make_shared<grpc::ClientContext>();
  if (!destination.token.empty()) {
    context->AddMetadata("authorization",
                         gitaly::MakeAuthorization(destination.token, time(nullptr)));
  }
  return context;
}

using Stub = ::gitaly::SSHService::Stub;

absl::StatusOr<int> UploadPack(Stub& stub, const CommandLine& command, const Destination& to) {
  using ::gitaly::SSHUploadPackRequest;
  using ::gitaly::SSHUploadPackResponse;
  auto context = MakeContext(to);
  std::shared_ptr stream = stub.SSHUploadPack(context.get());
  auto first = FirstRequest<SSHUploadPackRequest>(command, to);
  first.set_git_protocol(to.git_protocol);
  stream->Write(first);
  return Carry<SSHUploadPackRequest, SSHUploadPackResponse>(context, stream, to);
}

absl::StatusOr<int> ReceivePack(Stub& stub, const CommandLine& command, const Destination& to) {
  using ::gitaly::SSHReceivePackRequest;
  using ::gitaly::SSHReceivePackResponse;
  auto context = MakeContext(to);
  std::shared_ptr stream = stub.SSHReceivePack(context.get());
  auto first = FirstRequest<SSHReceivePackRequest>(command, to);
  first.set_git_protocol(to.git_protocol);
  first.set_gl_id("user-1");
  stream->Write(first);
  return Carry<SSHReceivePackRequest, SSHReceivePackResponse>(context, stream, to);
}

absl::StatusOr<int> UploadArchive(Stub& stub, const CommandLine& command, const Destination& to) {
  using ::gitaly::SSHUploadArchiveRequest;
  using ::gitaly::SSHUploadArchiveResponse;
  auto context = MakeContext(to);
  std::shared_ptr stream = stub.SSHUploadArchive(context.get());
  stream->Write(FirstRequest<SSHUploadArchiveRequest>(command, to));
  return Carry<SSHUploadArchiveRequest, SSHUploadArchiveResponse>(context, stream, to);
}

// gRPC's spelling of an address of ours.
}  // namespace

absl::StatusOr<int> CarryGit(const CommandLine& command, const Destination& destination) {
  auto channel = test::ChannelTo(destination.address);
  Stub stub(channel);
  switch (command.service) {
    case Service::kUploadPack:
      return UploadPack(stub, command, destination);
    case Service::kReceivePack:
      return ReceivePack(stub, command, destination);
    case Service::kUploadArchive:
      return UploadArchive(stub, command, destination);
  }
  return absl::InternalError("no such service");
}

}  // namespace praefect::git_ssh
