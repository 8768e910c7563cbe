#include "proxy/request.h"

#include <absl/container/flat_hash_map.h>

#include <cstring>

#include "gitaly/metadata.h"
#include "gitaly/token.h"
#include "http2/grpc.h"

namespace praefect::proxy {
namespace {

// `content-length` would be wrong once the first message was rewritten.
bool StaysHere(std::string_view name) {
  return name == "authorization" || name == "grpc-timeout" || name == "content-length" ||
         name == "host" || name == gitaly::kCorrelationIdHeader;
}

std::string Authority(const nodes::Node* node) {
  if (node == nullptr || node->address.kind == config::Address::Kind::kUnix) return "localhost";
  bool six = node->address.host.find(':') != std::string::npos;
  std::string host = six ? "[" + node->address.host + "]" : node->address.host;
  return host + ":" + std::to_string(node->address.port);
}

// Signing costs more than everything else of a call's headers. For each worker's thread.
std::string_view AuthorizationFor(const nodes::Node& node, int64_t now_unix_seconds) {
  struct Signed {
    int64_t at = -1;
    std::string token, value;
  };
  constexpr size_t kMaxNodes = 1'000;
  thread_local absl::flat_hash_map<uint32_t, Signed> by_node;
  if (by_node.size() > kMaxNodes) by_node.clear();  // of nodes that left
  Signed& last = by_node[node.id];
  if (last.at != now_unix_seconds || last.token != node.token) {
    last = {now_unix_seconds, node.token, gitaly::MakeAuthorization(node.token, now_unix_seconds)};
  }
  return last.value;
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

http2::HeaderList MakeNodeHeaders(const http2::HeaderList& request, const nodes::Node* node,
                                  std::string_view correlation_id,
                                  std::optional<std::chrono::milliseconds> time_left,
                                  int64_t now_unix_seconds) {
  // What is another one for every call would only push the rest out of the compression table.
  constexpr bool kNeverIndexed = true;
  http2::HeaderList headers;
  headers.Reserve(request.size() + 4);
  for (const auto& [name, value, sensitive] : request.fields()) {
    if (name == ":authority") {
      headers.AddNamed(name, Authority(node));
    } else if (!StaysHere(name)) {
      headers.AddView(name, value, sensitive);
    }
  }
  headers.AddView(gitaly::kCorrelationIdHeader, correlation_id, kNeverIndexed);
  if (time_left.has_value())
    headers.AddNamed("grpc-timeout", http2::FormatTimeout(*time_left), kNeverIndexed);
  if (node != nullptr && !node->token.empty()) {
    headers.AddNamed("authorization", AuthorizationFor(*node, now_unix_seconds), kNeverIndexed);
  }
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
