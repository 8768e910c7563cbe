#include "relay/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/failure.h"

namespace praefect::bench {
namespace {

constexpr unsigned char kHttp2[] = {2, 'h', '2'};

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int ChooseHttp2(SSL*, const unsigned char** out, unsigned char* size, const unsigned char*,
                unsigned, void*) {
  *out = kHttp2 + 1;
  *size = kHttp2[0];
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

int Listen(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const sockaddr_in address = Loopback(port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    Fail("cannot listen at port " + std::to_string(port) + ": " + strerror(errno));
  }
  return fd;
}

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) Fail(std::string("cannot make a socket: ") + strerror(errno));
  const sockaddr_in address = Loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

SSL_CTX* ServerTls(const std::string& certificate, const std::string& key) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    Fail("cannot use the certificate " + certificate + " with the key " + key);
  }
  SSL_CTX_set_alpn_select_cb(context, ChooseHttp2, nullptr);
  return context;
}

SSL_CTX* ClientTls(const std::string& root) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (SSL_CTX_load_verify_file(context, root.c_str()) != 1) Fail("cannot read " + root);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set1_param(context, [] {
    X509_VERIFY_PARAM* parameters = X509_VERIFY_PARAM_new();
    X509_VERIFY_PARAM_set1_host(parameters, "localhost", 0);
    return parameters;
  }());
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_alpn_protos(context, kHttp2, sizeof(kHttp2));
  return context;
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace praefect::bench
