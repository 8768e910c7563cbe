#include "support/client_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <string_view>

#include "net/trust_store.h"

namespace praefect::test {

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  constexpr std::string_view kTcp = "tcp://", kTls = "tls://";
  if (address.rfind(kTls, 0) == 0) {
    return grpc::CreateChannel(address.substr(kTls.size()),
                               grpc::SslCredentials({net::ReadTrustStore().pem, "", ""}));
  }
  return grpc::CreateChannel(address.rfind(kTcp, 0) == 0 ? address.substr(kTcp.size()) : address,
                             grpc::InsecureChannelCredentials());
}

}  // namespace praefect::test
