#include "net/certificate_text.h"

#include <arpa/inet.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

namespace praefect::net {
namespace {

constexpr size_t kMaxNames = 3;
constexpr size_t kMaxNameBytes = 64;

std::string Cut(std::string_view text) {
  std::string result(text.substr(0, kMaxNameBytes));
  for (char& c : result) {
    if (c < ' ' || c > '~') c = '?';  // the other side's words
  }
  return result;
}

std::string CommonName(const X509_NAME* name) {
  char text[256] = {};
  const int size = X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof text);
  return Cut({text, size > 0 ? static_cast<size_t>(size) : 0});
}

std::string ToText(const GENERAL_NAME* name) {
  if (name->type == GEN_DNS) {
    const ASN1_STRING* text = name->d.dNSName;
    return Cut({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                static_cast<size_t>(ASN1_STRING_length(text))});
  }
  if (name->type != GEN_IPADD) return "";
  const bool six = ASN1_STRING_length(name->d.iPAddress) == 16;
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(six ? AF_INET6 : AF_INET, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text);
  return text;
}

std::string NamesOf(X509* certificate) {
  std::vector<std::string> names;
  auto* alternatives = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); i++) {
    if (auto text = ToText(sk_GENERAL_NAME_value(alternatives, i)); !text.empty()) {
      names.push_back(text);
    }
  }
  GENERAL_NAMES_free(alternatives);
  if (names.empty()) names.push_back(CommonName(X509_get_subject_name(certificate)));
  if (names.size() > kMaxNames) {
    names.resize(kMaxNames);
    names.push_back("...");
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string WantedName(X509_STORE_CTX* store) {
  X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(store);
  if (const char* host = X509_VERIFY_PARAM_get0_host(wanted, 0); host != nullptr) return host;
  char* address = X509_VERIFY_PARAM_get1_ip_asc(wanted);
  std::string text = address == nullptr ? "" : address;
  OPENSSL_free(address);
  return text;
}

}  // namespace

int64_t ToUnixSeconds(const ASN1_TIME* time) {
  std::tm broken_down{};
  return ASN1_TIME_to_tm(time, &broken_down) == 1 ? timegm(&broken_down) : 0;
}

std::string ToDate(int64_t unix_seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(unix_seconds)));
}

std::string WhyRefused(X509_STORE_CTX* store) {
  const int error = X509_STORE_CTX_get_error(store);
  X509* certificate = X509_STORE_CTX_get_current_cert(store);
  if (certificate == nullptr) return X509_verify_cert_error_string(error);
  const bool leaf = X509_STORE_CTX_get_error_depth(store) == 0;
  const std::string which = leaf ? "the node's certificate"
                                 : fmt::format("certificate \"{}\" in the node's chain",
                                               CommonName(X509_get_subject_name(certificate)));
  switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("the node's certificate is for {}, not for {}", NamesOf(certificate),
                         WantedName(store));
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("{} expired at {}", which,
                         ToDate(ToUnixSeconds(X509_get0_notAfter(certificate))));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("{} is not valid before {}", which,
                         ToDate(ToUnixSeconds(X509_get0_notBefore(certificate))));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return fmt::format("{} is signed by an unknown authority (\"{}\"); is that in SSL_CERT_FILE?",
                         which, CommonName(X509_get_issuer_name(certificate)));
    default:
      return fmt::format("{} is not accepted: {}", which, X509_verify_cert_error_string(error));
  }
}

}  // namespace praefect::net
