// gitaly-call: calls one RPC of Gitaly's API from the shell, requests and answers as JSON. For
// demonstrations and tests, never installed. It knows every RPC that Praefect knows, since it reads
// the same embedded descriptors.

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "gitaly/descriptors.h"
#include "gitaly/token.h"
#include "support/client_channel.h"

namespace praefect::gitaly_call {
namespace {

constexpr char kHelp[] =
    "gitaly-call: calls one RPC of Gitaly's API. For demonstrations and tests; never installed.\n"
    "\n"
    "Usage: gitaly-call ADDRESS METHOD [JSON]...\n"
    "  ADDRESS  tcp://HOST:PORT, tls://HOST:PORT or unix:PATH\n"
    "  METHOD   gitaly.RepositoryService/CreateRepository\n"
    "  JSON     the request, one argument for each message of a client stream (default: {})\n"
    "\n"
    "Prints one line of JSON for each answer. Exit code: 0, or the gRPC status code plus 64.\n"
    "\n"
    "Environment:\n"
    "  PRAEFECT_TOKEN          the token of the server; nothing when it asks for none\n"
    "  GITALY_CALL_TIMEOUT_MS  milliseconds after which the call is given up (default: 30000)\n"
    "\n"
    "Example:\n"
    "  gitaly-call tcp://127.0.0.1:2305 gitaly.RepositoryService/RepositoryExists \\\n"
    "    '{\"repository\": {\"storageName\": \"default\", \"relativePath\": \"a.git\"}}'\n";

constexpr int kUsage = 2;
constexpr int kStatusOffset = 64;
constexpr std::chrono::milliseconds kTimeout{30000};
constexpr char kTypePrefix[] = "type.googleapis.com";

using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;

bool BuildPool(DescriptorPool& pool) {
  google::protobuf::FileDescriptorSet files;
  auto bytes = gitaly::EmbeddedDescriptorSet();
  if (!files.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  for (const auto& file : files.file()) {
    if (pool.BuildFile(file) == nullptr) return false;
  }
  return true;
}

const MethodDescriptor* FindMethod(const DescriptorPool& pool, std::string name) {
  if (!name.empty() && name[0] == '/') name.erase(0, 1);
  size_t slash = name.rfind('/');
  if (slash != std::string::npos) name[slash] = '.';
  return pool.FindMethodByName(name);
}

std::string TypeUrl(const google::protobuf::Descriptor& type) {
  return fmt::format("{}/{}", kTypePrefix, type.full_name());
}

std::chrono::milliseconds Timeout() {
  const char* text = getenv("GITALY_CALL_TIMEOUT_MS");
  const long wanted = text != nullptr ? strtol(text, nullptr, 10) : 0;
  return wanted > 0 ? std::chrono::milliseconds(wanted) : kTimeout;
}

// One call over a generic stub: every message of the request, then the answers as they come.
class Caller {
 public:
  Caller(const std::string& address, const MethodDescriptor& method, const DescriptorPool& pool)
      : method_(method),
        resolver_(google::protobuf::util::NewTypeResolverForDescriptorPool(kTypePrefix, &pool)),
        stub_(test::ChannelTo(address)) {
    context_.set_deadline(std::chrono::system_clock::now() + Timeout());
    if (const char* token = getenv("PRAEFECT_TOKEN"); token != nullptr && *token != '\0') {
      context_.AddMetadata("authorization", gitaly::MakeAuthorization(token, time(nullptr)));
    }
  }

  int Call(const std::vector<std::string>& requests) {
    auto path = fmt::format("/{}/{}", method_.service()->full_name(), method_.name());
    stream_ = stub_.PrepareCall(&context_, path, &queue_);
    stream_->StartCall(nullptr);
    bool open = Done();
    for (const std::string& json : requests) {
      std::string bytes;
      auto parsed = google::protobuf::util::JsonToBinaryString(
          resolver_.get(), TypeUrl(*method_.input_type()), json, &bytes);
      if (!parsed.ok()) return Complain(parsed.message().ToString());
      grpc::Slice slice(bytes);
      if (open) stream_->Write(grpc::ByteBuffer(&slice, 1), nullptr), open = Done();
    }
    if (open) stream_->WritesDone(nullptr), Done();
    while (ReadOne()) {
    }
    return Finish();
  }

 private:
  bool Done() {
    void* tag;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  int Complain(const std::string& what) {
    context_.TryCancel();
    fmt::print(stderr, "gitaly-call: the request is no {}: {}\n", method_.input_type()->full_name(),
               what);
    return kUsage;
  }

  bool ReadOne() {
    grpc::ByteBuffer buffer;
    stream_->Read(&buffer, nullptr);
    if (!Done()) return false;
    grpc::Slice slice;
    if (!buffer.DumpToSingleSlice(&slice).ok()) return false;
    std::string json;
    auto printed = google::protobuf::util::BinaryToJsonString(
        resolver_.get(), TypeUrl(*method_.output_type()),
        std::string(reinterpret_cast<const char*>(slice.begin()), slice.size()), &json);
    fmt::print("{}\n", printed.ok()
                           ? json
                           : "(an answer that is no " + method_.output_type()->full_name() + ")");
    return true;
  }

  int Finish() {
    grpc::Status status;
    stream_->Finish(&status, nullptr);
    Done();
    if (status.ok()) return 0;
    fmt::print(stderr, "gitaly-call: {} ({})\n", status.error_message(),
               static_cast<int>(status.error_code()));
    return kStatusOffset + static_cast<int>(status.error_code());
  }

  const MethodDescriptor& method_;
  std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
};

int Run(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 2 || arguments[0][0] == '-') {
    fmt::print(stderr, "{}", kHelp);
    return kUsage;
  }
  DescriptorPool pool;
  if (!BuildPool(pool)) return kUsage;
  const MethodDescriptor* method = FindMethod(pool, arguments[1]);
  if (method == nullptr) {
    fmt::print(stderr, "gitaly-call: unknown method {}\n", arguments[1]);
    return kUsage;
  }
  std::vector<std::string> requests(arguments.begin() + 2, arguments.end());
  if (requests.empty()) requests.push_back("{}");
  return Caller(arguments[0], *method, pool).Call(requests);
}

}  // namespace
}  // namespace praefect::gitaly_call

int main(int argc, char** argv) { return praefect::gitaly_call::Run(argc, argv); }
