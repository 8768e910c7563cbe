#include "integration/conformance/grpc_node.h"

#include <grpcpp/server_builder.h>

#include <stdexcept>

#include "integration/conformance/byte_buffer.h"
#include "integration/conformance/message.h"
#include "support/process.h"
#include "support/raw_http2/socket.h"

namespace praefect::test {
namespace {

enum Operation { kArrived, kDone, kRead, kWrite, kHeaders, kFinish };

// Longer than any case, so that a script ends only with its call or with the server.
constexpr std::chrono::minutes kForever{10};

const std::string kServerInfo = "/gitaly.ServerService/ServerInfo";
const std::string kExists = "/gitaly.RepositoryService/RepositoryExists";
// HealthCheckResponse{status: SERVING}, RepositoryExistsResponse{exists: true}
const std::string kYes = "\x08\x01";

std::string Text(const grpc::string_ref& text) { return std::string(text.data(), text.size()); }

std::shared_ptr<grpc::ServerCredentials> CredentialsFor(const std::string& address) {
  if (!address.starts_with("tls://")) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs = {{ReadFile(tls_files().key), ReadFile(tls_files().chain)}};
  return grpc::SslServerCredentials(options);
}

}  // namespace

NodeCall::NodeCall() : stream_(&context_) { context_.AsyncNotifyWhenDone(TagQueue::Tag(kDone)); }

Metadata NodeCall::metadata() const {
  Metadata result;
  for (const auto& [key, value] : context_.client_metadata()) {
    result.emplace(Text(key), Text(value));
  }
  return result;
}

std::optional<std::string> NodeCall::Read() {
  grpc::ByteBuffer buffer;
  stream_.Read(&buffer, TagQueue::Tag(kRead));
  if (!tags_.Wait(kRead, kForever).value_or(false)) {
    record_([](SeenCall& seen) { seen.half_closed = true; });
    return std::nullopt;
  }
  const std::string message = ToString(buffer);
  record_([&message](SeenCall& seen) { seen.messages.push_back(message); });
  return message;
}

bool NodeCall::Write(const std::string& message, bool compress) {
  grpc::WriteOptions options;
  if (!compress) options.set_no_compression();
  stream_.Write(ToByteBuffer(message), options, TagQueue::Tag(kWrite));
  return tags_.Wait(kWrite, kForever).value_or(false);
}

void NodeCall::SendHeaders() {
  stream_.SendInitialMetadata(TagQueue::Tag(kHeaders));
  tags_.Wait(kHeaders, kForever);
}

void NodeCall::AddHeader(const std::string& key, const std::string& value) {
  context_.AddInitialMetadata(key, value);
}

void NodeCall::AddTrailer(const std::string& key, const std::string& value) {
  context_.AddTrailingMetadata(key, value);
}

void NodeCall::CompressWithGzip() { context_.set_compression_algorithm(GRPC_COMPRESS_GZIP); }

void NodeCall::Finish(const grpc::Status& status) {
  if (std::exchange(finished_, true)) return;
  stream_.Finish(status, TagQueue::Tag(kFinish));
  tags_.Wait(kFinish, kForever);
}

bool NodeCall::WaitCancelled() {
  if (!done_) done_ = tags_.Wait(kDone, kForever).has_value();
  return done_ && context_.IsCancelled();
}

GrpcNode::GrpcNode(const std::string& address, Script script) : script_(std::move(script)) {
  const bool unix_path = address.starts_with("unix:");
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(unix_path ? address : address.substr(6), CredentialsFor(address), &port);
  builder.RegisterAsyncGenericService(&service_);
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 64 << 10);
  incoming_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (!server_) throw std::runtime_error("cannot listen on " + address);
  address_ = unix_path ? address : address.substr(0, 6) + "127.0.0.1:" + std::to_string(port);
  loop_ = std::thread([this] { Loop(); });
}

GrpcNode::~GrpcNode() {
  {
    const std::lock_guard lock(request_mutex_);
    stopping_ = true;
  }
  server_->Shutdown(std::chrono::system_clock::now());
  incoming_->Shutdown();
  loop_.join();
}

void GrpcNode::RequestNext() {
  const std::lock_guard lock(request_mutex_);
  if (stopping_) return;
  next_ = std::make_unique<NodeCall>();
  service_.RequestCall(&next_->context_, &next_->stream_, next_->tags_.queue(), incoming_.get(),
                       TagQueue::Tag(kArrived));
}

void GrpcNode::Loop() {
  RequestNext();
  void* tag = nullptr;
  bool ok = false;
  while (incoming_->Next(&tag, &ok)) {
    if (!ok) continue;
    calls_running_.emplace_back([this, call = std::move(next_)] { Run(*call); });
    RequestNext();
  }
  for (std::thread& call : calls_running_) call.join();
}

void GrpcNode::Run(NodeCall& call) {
  const std::string& method = call.method();
  if (method == kHealthCheck || method == kServerInfo || method == kExists || method == kCreate) {
    const std::string answer = method == kServerInfo ? ServerInfo({"gitaly-1"}) : kYes;
    call.Write(method == kCreate ? "" : answer);
    call.Finish(grpc::Status::OK);
    return;
  }
  SeenCall& seen = Book(call);
  call.record_ = [this, &seen](const NodeCall::Change& change) {
    const std::lock_guard lock(mutex_);
    change(seen);
    changed_.notify_all();
  };
  script_(call);
  call.Finish(grpc::Status::OK);
  const bool cancelled = call.WaitCancelled();
  call.record_([cancelled](SeenCall& over) {
    over.cancelled = cancelled;
    over.over = true;
  });
}

SeenCall& GrpcNode::Book(NodeCall& call) {
  SeenCall seen;
  seen.method = call.method();
  seen.metadata = call.metadata();
  using Clock = std::chrono::system_clock;
  if (const auto deadline = call.context_.deadline(); deadline != Clock::time_point::max()) {
    seen.time_left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  }
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
  return seen_.emplace_back(std::move(seen));
}

int GrpcNode::calls() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(seen_.size());
}

SeenCall GrpcNode::Seen(int index) const {
  return SeenWhen(index, [](const SeenCall&) { return true; });
}

SeenCall GrpcNode::SeenWhen(int index, const std::function<bool(const SeenCall&)>& until) const {
  std::unique_lock lock(mutex_);
  const auto at = static_cast<size_t>(index);
  if (!changed_.wait_for(lock, kPatience, [&] { return seen_.size() > at && until(seen_[at]); })) {
    throw std::runtime_error("the node did not see call " + std::to_string(index) + " as expected");
  }
  return seen_[at];
}

void Echo(NodeCall& call) {
  while (const auto message = call.Read()) {
    if (!call.Write(*message)) return;
  }
}

void Hang(NodeCall& call) { call.WaitCancelled(); }

GrpcNode::Script Answer(std::vector<std::string> messages) {
  return [messages = std::move(messages)](NodeCall& call) {
    while (call.Read()) {
    }
    for (const std::string& message : messages) call.Write(message);
  };
}

GrpcNode::Script Refuse(grpc::Status status) {
  return [status = std::move(status)](NodeCall& call) { call.Finish(status); };
}

}  // namespace praefect::test
