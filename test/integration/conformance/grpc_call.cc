#include "integration/conformance/grpc_call.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "integration/conformance/byte_buffer.h"
#include "support/process.h"
#include "support/raw_http2/socket.h"

namespace praefect::test {
namespace {

enum Operation { kStart, kWrite, kHalfClose, kHeaders, kRead, kFinish };

Metadata Copy(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  Metadata result;
  for (const auto& [key, value] : metadata) {
    result.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  }
  return result;
}

}  // namespace

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 64 << 10);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  if (address.starts_with("tls://")) {
    return grpc::CreateCustomChannel(
        address.substr(6), grpc::SslCredentials({ReadFile(tls_files().roots), "", ""}), arguments);
  }
  const bool tcp = address.starts_with("tcp://");
  return grpc::CreateCustomChannel(tcp ? address.substr(6) : address,
                                   grpc::InsecureChannelCredentials(), arguments);
}

GrpcCall::GrpcCall(std::shared_ptr<grpc::Channel> channel, std::string method,
                   const Metadata& metadata)
    : channel_(std::move(channel)), method_(std::move(method)) {
  for (const auto& [key, value] : metadata) With(key, value);
}

GrpcCall::~GrpcCall() {
  if (!stream_ || finished_) return;
  Cancel();
  Finish();
}

GrpcCall& GrpcCall::With(const std::string& key, const std::string& value) {
  context_.AddMetadata(key, value);
  return *this;
}

GrpcCall& GrpcCall::Within(std::chrono::milliseconds timeout) {
  context_.set_deadline(std::chrono::system_clock::now() + timeout);
  return *this;
}

GrpcCall& GrpcCall::Gzipped() {
  context_.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  return *this;
}

bool GrpcCall::Await(int tag) {
  if (const auto ok = tags_.Wait(tag, kPatience)) return *ok;
  Cancel();
  return tags_.Wait(tag, kPatience).value_or(false);
}

GrpcCall& GrpcCall::Start() {
  grpc::GenericStub stub(channel_);
  stream_ = stub.PrepareCall(&context_, method_, tags_.queue());
  stream_->StartCall(TagQueue::Tag(kStart));
  Await(kStart);
  return *this;
}

bool GrpcCall::Write(const std::string& message, bool compress) {
  grpc::WriteOptions options;
  if (!compress) options.set_no_compression();
  stream_->Write(ToByteBuffer(message), options, TagQueue::Tag(kWrite));
  return Await(kWrite);
}

void GrpcCall::HalfClose() {
  stream_->WritesDone(TagQueue::Tag(kHalfClose));
  Await(kHalfClose);
}

bool GrpcCall::WaitHeaders() {
  stream_->ReadInitialMetadata(TagQueue::Tag(kHeaders));
  return Await(kHeaders);
}

std::optional<std::string> GrpcCall::Read() {
  grpc::ByteBuffer buffer;
  stream_->Read(&buffer, TagQueue::Tag(kRead));
  if (!Await(kRead)) return std::nullopt;
  return ToString(buffer);
}

grpc::Status GrpcCall::Finish() {
  grpc::Status status;
  finished_ = true;
  stream_->Finish(&status, TagQueue::Tag(kFinish));
  Await(kFinish);
  return status;
}

grpc::Status GrpcCall::Exchange(const std::vector<std::string>& requests) {
  Start();
  grpc::ByteBuffer buffer;
  size_t written = 0;
  const auto write = [&] {
    if (written < requests.size()) {
      stream_->Write(ToByteBuffer(requests[written++]), TagQueue::Tag(kWrite));
    } else {
      stream_->WritesDone(TagQueue::Tag(kHalfClose));
    }
  };
  stream_->Read(&buffer, TagQueue::Tag(kRead));
  write();
  for (bool reading = true, writing = true; reading || writing;) {
    const auto event = tags_.WaitAny(kPatience);
    if (!event) {
      Cancel();
      continue;
    }
    const auto [tag, ok] = *event;
    if (tag == kRead && ok) {
      answers_.push_back(ToString(buffer));
      stream_->Read(&buffer, TagQueue::Tag(kRead));
    }
    if (tag == kRead && !ok) reading = false;
    if (tag == kWrite && ok) write();
    if (tag == kHalfClose || (tag == kWrite && !ok)) writing = false;
  }
  return Finish();
}

Metadata GrpcCall::headers() const { return Copy(context_.GetServerInitialMetadata()); }

Metadata GrpcCall::trailers() const { return Copy(context_.GetServerTrailingMetadata()); }

}  // namespace praefect::test
