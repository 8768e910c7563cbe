#include "nodes/channel.h"

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <cctype>

#include "gitaly/token.h"

namespace praefect::nodes {
namespace {

// The library takes a path for a part of a URI.
std::string PercentEncoded(const std::string& path) {
  std::string encoded;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("/._-~").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", byte);
    }
  }
  return encoded;
}

grpc::ChannelArguments ArgumentsFor(const config::Address& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // nodes are neighbours
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A node that comes back is found within a second.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);  // how long one attempt may take
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  // Otherwise the path would be the name of the host, escaped, which not every server takes.
  if (address.kind == config::Address::Kind::kUnix) {
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  }
  return arguments;
}

}  // namespace

std::string TargetOf(const config::Address& address) {
  if (address.kind == config::Address::Kind::kUnix) return "unix:" + PercentEncoded(address.path);
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return fmt::format("dns:///{}{}{}:{}", ipv6 ? "[" : "", address.host, ipv6 ? "]" : "",
                     address.port);
}

std::shared_ptr<grpc::Channel> MakeChannel(
    const config::Address& address, const std::shared_ptr<const net::TlsClientContext>& tls) {
  const bool encrypted = address.kind == config::Address::Kind::kTls;
  return grpc::CreateCustomChannel(
      TargetOf(address),
      encrypted ? grpc::SslCredentials({tls == nullptr ? "" : tls->roots_pem(), "", ""})
                : grpc::InsecureChannelCredentials(),
      ArgumentsFor(address));
}

void Authorize(grpc::ClientContext& context, const std::string& token, int64_t unix_seconds) {
  if (token.empty()) return;
  context.AddMetadata("authorization", gitaly::MakeAuthorization(token, unix_seconds));
}

}  // namespace praefect::nodes
