#include "support/raw_http2/tls_layer.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

namespace praefect::test {
namespace {

constexpr unsigned char kH2[] = {2, 'h', '2'};
constexpr std::chrono::seconds kWritePatience{20};

TlsFiles& MutableFiles() {
  static TlsFiles files;
  return files;
}

SSL_CTX* MakeServerContext() {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context, tls_files().chain.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, tls_files().key.c_str(), SSL_FILETYPE_PEM) != 1) {
    throw std::runtime_error("no certificate for a server: UseTlsFiles");
  }
  SSL_CTX_set_alpn_select_cb(
      context,
      [](SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char*,
         unsigned int, void*) {
        *chosen = kH2 + 1;
        *size = 2;
        return SSL_TLSEXT_ERR_OK;
      },
      nullptr);
  return context;
}

SSL_CTX* MakeClientContext() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_load_verify_file(context, tls_files().roots.c_str());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(context, kH2, sizeof kH2);
  return context;
}

SSL* New(TlsLayer::Side side) {
  static const auto ignored [[maybe_unused]] = std::signal(SIGPIPE, SIG_IGN);
  if (side == TlsLayer::Side::kServer) {
    static SSL_CTX* const server = MakeServerContext();
    SSL* ssl = SSL_new(server);
    SSL_set_accept_state(ssl);
    return ssl;
  }
  static SSL_CTX* const client = MakeClientContext();
  SSL* ssl = SSL_new(client);
  SSL_set_connect_state(ssl);
  return ssl;
}

}  // namespace

void UseTlsFiles(const TlsFiles& files) { MutableFiles() = files; }
const TlsFiles& tls_files() { return MutableFiles(); }

TlsLayer::TlsLayer(int fd, Side side) : fd_(fd), ssl_(New(side)) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  SSL_set_fd(ssl_, fd);
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_options(ssl_, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

TlsLayer::~TlsLayer() { SSL_free(ssl_); }

// `result` is what SSL_get_error said. False when there is nothing to wait for, or no time.
bool TlsLayer::WaitAfter(int result, Deadline deadline) {
  if (result != SSL_ERROR_WANT_READ && result != SSL_ERROR_WANT_WRITE) return false;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  pollfd ready{fd_, static_cast<short>(result == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
  return poll(&ready, 1, static_cast<int>(std::max<int64_t>(left.count(), 0))) > 0;
}

bool TlsLayer::WriteAll(std::string_view bytes) {
  const Deadline deadline = std::chrono::steady_clock::now() + kWritePatience;
  while (!bytes.empty()) {
    size_t taken = 0;
    int why = SSL_ERROR_NONE;
    {
      const std::lock_guard lock(mutex_);
      ERR_clear_error();
      const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &taken);
      if (result != 1) why = SSL_get_error(ssl_, result);
    }
    bytes.remove_prefix(taken);
    if (why != SSL_ERROR_NONE && !WaitAfter(why, deadline)) return false;
  }
  return true;
}

TlsLayer::Input TlsLayer::ReadSome(std::string& out, std::chrono::milliseconds timeout) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  char buffer[65536];
  for (;;) {
    size_t got = 0;
    int why = SSL_ERROR_NONE;
    {
      const std::lock_guard lock(mutex_);
      ERR_clear_error();
      const int result = SSL_read_ex(ssl_, buffer, sizeof buffer, &got);
      if (result != 1) why = SSL_get_error(ssl_, result);
    }
    if (got > 0) {
      out.append(buffer, got);
      return Input::kBytes;
    }
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return Input::kEnd;
    if (!WaitAfter(why, deadline)) return Input::kTimeout;
  }
}

}  // namespace praefect::test
