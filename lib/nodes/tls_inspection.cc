#include "nodes/tls_inspection.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <memory>

namespace praefect::nodes {
namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Session = std::unique_ptr<SSL, decltype(&SSL_free)>;

std::string Drain(BIO* bio) {
  std::string bytes(BIO_ctrl_pending(bio), '\0');
  if (!bytes.empty()) BIO_read(bio, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace

bool TakesTls(DialedConnection& connection) {
  const Context context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  const Session session(SSL_new(context.get()), &SSL_free);
  SSL_set_bio(session.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(session.get());
  SSL_do_handshake(session.get());  // wants to read; its hello is in the other BIO
  std::string answer;
  return connection.Write(Drain(SSL_get_wbio(session.get()))) == DialedConnection::Outcome::kDone &&
         connection.Read(answer) == DialedConnection::Outcome::kDone &&
         JudgeGreeting(answer) == Greeting::kTls;
}

}  // namespace praefect::nodes
