#pragma once

// How the stand-ins for Gitaly's clients connect.

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace praefect::test {

// `address` is tcp://HOST:PORT, tls://HOST:PORT, HOST:PORT or unix:PATH. Over TLS the machine's
// trust store decides, SSL_CERT_FILE and SSL_CERT_DIR included.
std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address);

}  // namespace praefect::test
