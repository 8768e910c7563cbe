#include "net/tls.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <utility>

#include "config/read_file.h"
#include "net/certificate_text.h"
#include "net/tls_callbacks.h"
#include "net/tls_error.h"
#include "net/trust_store.h"

namespace praefect::net {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kReadAheadBytes = 64 << 10;  // what one recv may take: four records
constexpr const char* kCertificateKey = "tls.certificate_path";

// Those with forward secrecy and authenticated encryption, as RFC 9113 (9.2.2) demands; Go's order.
constexpr const char* kCiphersOf12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kCiphersOf13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

constexpr unsigned char kH2[] = {2, 'h', '2'};
constexpr unsigned char kSessionIdContext[] = "praefect";

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Free>;

Bio Over(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::Status Invalid(absl::string_view key, absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(key, where.empty() ? "" : " \"", where, where.empty() ? ": " : "\": ", what));
}

absl::StatusOr<std::string> ReadNamed(absl::string_view key, const std::string& path) {
  auto file = config::ReadFile(path, kMaxFileBytes);
  if (file.ok()) return std::move(file->text);
  return absl::Status(file.status().code(), absl::StrCat(key, ": ", file.status().message()));
}

absl::Status SetMinVersion(SSL_CTX* context, const std::string& min_version) {
  if (min_version != "TLS 1.2" && min_version != "TLS 1.3") {
    return Invalid("tls.min_version", min_version, "write \"TLS 1.2\" or \"TLS 1.3\"");
  }
  SSL_CTX_set_min_proto_version(context,
                                min_version == "TLS 1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
  return absl::OkStatus();
}

absl::StatusOr<SslContext> NewContext(const SSL_METHOD* method, const std::string& min_version) {
  SslContext context(SSL_CTX_new(method));
  if (context == nullptr) {
    return absl::InternalError(
        absl::StrCat("cannot make a TLS context: ", TlsErrorText(DrainTlsErrors())));
  }
  if (auto set = SetMinVersion(context.get(), min_version); !set.ok()) return set;
  SSL_CTX_set_cipher_list(context.get(), kCiphersOf12);
  SSL_CTX_set_ciphersuites(context.get(), kCiphersOf13);
  // Streams of HTTP/2 say themselves where they end: an end of the connection without close_notify
  // cannot make a part look like the whole.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_default_read_buffer_len(context.get(), kReadAheadBytes);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);  // tickets need none
  TlsCallbacks::Install(context.get());
  return context;
}

int SelectH2(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
             const unsigned char* offered, unsigned int offered_size, void*) {
  // Not called for a client that offers nothing.
  auto* selected = const_cast<unsigned char*>(kH2);
  const int result =
      SSL_select_next_proto(&selected, chosen_size, kH2, sizeof kH2, offered, offered_size);
  *chosen = selected;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

struct Chain {
  Certificate leaf;
  std::vector<Certificate> rest;
};

absl::StatusOr<Chain> ReadChain(const std::string& path) {
  if (path.empty()) {
    return Invalid(kCertificateKey, "", "is not set; tls_listen_addr needs a certificate");
  }
  auto text = ReadNamed(kCertificateKey, path);
  if (!text.ok()) return text.status();
  const Bio source = Over(*text);
  Chain chain;
  chain.leaf.reset(PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr));
  if (chain.leaf == nullptr) {
    return Invalid(
        kCertificateKey, path,
        absl::StrCat("holds no certificate in PEM form (", TlsErrorText(DrainTlsErrors()), ")"));
  }
  while (X509* more = PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr)) {
    chain.rest.emplace_back(more);
  }
  const unsigned long end = DrainTlsErrors();
  if (ERR_GET_REASON(end) != PEM_R_NO_START_LINE) {
    return Invalid(kCertificateKey, path,
                   absl::StrCat("certificate ", chain.rest.size() + 2,
                                " of the file is broken: ", TlsErrorText(end)));
  }
  return chain;
}

// Nobody is there to type one in.
int NotePassphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::StatusOr<PrivateKey> ReadKey(const config::Tls& tls) {
  const bool is_inline = !tls.key.empty();
  const absl::string_view key = is_inline ? "tls.key" : "tls.key_path";
  const std::string path = is_inline ? "" : tls.key_path;
  if (!is_inline && path.empty()) {
    return Invalid(key, "", "is not set; tls_listen_addr needs the key of its certificate");
  }
  absl::StatusOr<std::string> text = is_inline ? tls.key : ReadNamed(key, path);
  if (!text.ok()) return text.status();
  bool encrypted = false;
  PrivateKey result(
      PEM_read_bio_PrivateKey(Over(*text).get(), nullptr, NotePassphrase, &encrypted));
  OPENSSL_cleanse(text->data(), text->size());
  const unsigned long error = DrainTlsErrors();
  if (result != nullptr) return result;
  if (encrypted) {
    return Invalid(
        key, path,
        "the key is encrypted with a passphrase, for which nobody can be asked; store it "
        "without one (openssl pkey -in OLD -out NEW)");
  }
  return Invalid(key, path,
                 absl::StrCat("holds no private key in PEM form (", TlsErrorText(error), ")"));
}

}  // namespace

void SslContextDeleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

absl::StatusOr<std::shared_ptr<const TlsServerContext>> TlsServerContext::Make(
    const config::Tls& tls) {
  auto chain = ReadChain(tls.certificate_path);
  if (!chain.ok()) return chain.status();
  auto key = ReadKey(tls);
  if (!key.ok()) return key.status();
  auto context = NewContext(TLS_server_method(), tls.min_version);
  if (!context.ok()) return context.status();
  std::shared_ptr<TlsServerContext> result(new TlsServerContext);
  SSL_CTX* raw = context->get();
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_num_tickets(raw, 1);
  SSL_CTX_set_session_id_context(raw, kSessionIdContext, sizeof kSessionIdContext - 1);
  SSL_CTX_set_alpn_select_cb(raw, SelectH2, nullptr);
  if (SSL_CTX_use_certificate(raw, chain->leaf.get()) != 1) {
    return Invalid(kCertificateKey, tls.certificate_path, TlsErrorText(DrainTlsErrors()));
  }
  for (const Certificate& link : chain->rest) SSL_CTX_add1_chain_cert(raw, link.get());
  if (SSL_CTX_use_PrivateKey(raw, key->get()) != 1 || SSL_CTX_check_private_key(raw) != 1) {
    DrainTlsErrors();
    return Invalid(
        tls.key.empty() ? "tls.key_path" : "tls.key", tls.key.empty() ? tls.key_path : "",
        absl::StrCat("the key does not belong to the certificate in ", tls.certificate_path));
  }
  result->certificate_path_ = tls.certificate_path;
  result->not_before_ = ToUnixSeconds(X509_get0_notBefore(chain->leaf.get()));
  result->not_after_ = ToUnixSeconds(X509_get0_notAfter(chain->leaf.get()));
  for (const Certificate& link : chain->rest) {
    const int64_t not_after = ToUnixSeconds(X509_get0_notAfter(link.get()));
    result->not_after_ = std::min(result->not_after_, not_after);
  }
  result->context_ = *std::move(context);
  return result;
}

std::string TlsServerContext::Warning(int64_t now) const {
  if (now > not_after_) {
    return fmt::format("{} \"{}\": the certificate expired at {}; clients will refuse it",
                       kCertificateKey, certificate_path_, ToDate(not_after_));
  }
  if (now < not_before_) {
    return fmt::format("{} \"{}\": the certificate is not valid before {}; clients will refuse it",
                       kCertificateKey, certificate_path_, ToDate(not_before_));
  }
  return "";
}

absl::StatusOr<std::shared_ptr<const TlsClientContext>> TlsClientContext::Make(
    const std::string& min_version) {
  auto context = NewContext(TLS_client_method(), min_version);
  if (!context.ok()) return context.status();
  SSL_CTX_set_alpn_protos(context->get(), kH2, sizeof kH2);
  TrustStore trusted = ReadTrustStore();
  X509_STORE* store = SSL_CTX_get_cert_store(context->get());
  for (const auto& root : trusted.certificates) X509_STORE_add_cert(store, root.get());
  std::shared_ptr<TlsClientContext> result(new TlsClientContext);
  result->context_ = *std::move(context);
  result->roots_pem_ = std::move(trusted.pem);
  result->warnings_ = std::move(trusted.warnings);
  return result;
}

}  // namespace praefect::net
