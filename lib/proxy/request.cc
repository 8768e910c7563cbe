#include "proxy/request.h"

#include <cstring>

#include "gitaly/metadata.h"
#include "http2/grpc.h"

namespace praefect::proxy {
namespace {

// `content-length` would be wrong once the first message was rewritten.
bool StaysHere(std::string_view name) {
  return name == "authorization" || name == "grpc-timeout" || name == "content-length" ||
         name == "host" || name == gitaly::kCorrelationIdHeader;
}

}  // namespace

RequestHeaders ReadRequestHeaders(const http2::HeaderList& headers) {
  RequestHeaders read;
  for (const auto& [name, value, sensitive] : headers.fields()) {
    if (name == ":path") {
      read.path = value;
    } else if (name == ":method") {
      read.method = value;
    } else if (name == "content-type") {
      read.content_type = value;
    } else if (name == "grpc-encoding") {
      read.encoding = value;
    } else if (name == "grpc-timeout") {
      read.timeout = value;
      read.has_timeout = true;
    } else if (name == gitaly::kCorrelationIdHeader) {
      read.correlation_id = value;
    } else if (name == gitaly::kClientNameHeader) {
      read.client_name = value;
    } else if (name == gitaly::kCallSiteHeader) {
      read.call_site = value;
    } else if (name == gitaly::kDeadlineTypeHeader) {
      read.deadline_type = value;
    }
  }
  return read;
}

bool IsGrpcContentType(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (content_type.substr(0, kType.size()) != kType) return false;
  return content_type.size() == kType.size() || content_type[kType.size()] == '+' ||
         content_type[kType.size()] == ';';
}

http2::HeaderList OwnRequest(std::string_view path) {
  http2::HeaderList headers;
  headers.AddView(":method", "POST");
  headers.AddView(":scheme", "http");
  headers.AddView(":path", path);
  headers.AddView(":authority", "");  // MakeNodeHeaders knows it
  headers.AddView("te", "trailers");
  headers.AddView("content-type", "application/grpc");
  headers.AddView("user-agent", "praefect");
  return headers;
}

http2::HeaderList MakeNodeHeaders(const http2::HeaderList& request, std::string_view authority,
                                  std::string_view authorization, std::string_view correlation_id,
                                  std::optional<std::chrono::milliseconds> time_left) {
  // What is another one for every call would only push the rest out of the compression table.
  constexpr bool kNeverIndexed = true;
  http2::HeaderList headers;
  for (const auto& [name, value, sensitive] : request.fields()) {
    if (name == ":authority") {
      headers.AddView(name, authority);
    } else if (!StaysHere(name)) {
      headers.AddView(name, value, sensitive);
    }
  }
  headers.AddView(gitaly::kCorrelationIdHeader, correlation_id, kNeverIndexed);
  if (time_left.has_value()) {
    headers.AddNamed("grpc-timeout", http2::FormatTimeout(*time_left), kNeverIndexed);
  }
  if (!authorization.empty()) headers.AddNamed("authorization", authorization, true);
  return headers;
}

http2::Slice MakeMessage(http2::BlockPool& pool, std::string_view message) {
  auto size = static_cast<uint32_t>(message.size() + http2::kMessagePrefix);
  http2::Block* block = pool.GetSized(size);
  http2::WritePrefix(block->data(), {0, static_cast<uint32_t>(message.size())});
  memcpy(block->data() + http2::kMessagePrefix, message.data(), message.size());
  http2::Slice slice(block, block->data(), size);
  http2::BlockPool::Release(block);
  return slice;
}

}  // namespace praefect::proxy
