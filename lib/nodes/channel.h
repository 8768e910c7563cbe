#pragma once

// How the gRPC library reaches a node: for Praefect's own calls, which are few. What clients send
// goes through the data plane.

#include <memory>
#include <string>

#include "config/address.h"
#include "net/tls.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace praefect::nodes {

// The gRPC library's name for it: "dns:///[::1]:8075", "unix:/run/gitaly.sock".
std::string TargetOf(const config::Address& address);

// A connection of its own, that is made when it is first used. Idle connections are not pinged: old
// Gitalys answer pings with GOAWAY.
// `tls` is for an address with tls://; null: what the gRPC library trusts by itself.
std::shared_ptr<grpc::Channel> MakeChannel(
    const config::Address& address,
    const std::shared_ptr<const net::TlsClientContext>& tls = nullptr);

// Adds the token that the node asks for; nothing when `token` is empty.
void Authorize(grpc::ClientContext& context, const std::string& token, int64_t unix_seconds);

}  // namespace praefect::nodes
