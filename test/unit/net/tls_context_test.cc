#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <string>

#include "net/tls.h"
#include "net/trust_store.h"
#include "support/certificate_authority.h"

namespace praefect::net {
namespace {

using test::CertificateAuthority;
using test::CertificateWish;
using test::IssuedCertificate;

int64_t Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

// What a context made of these says; empty when it can be made.
std::string Refusal(const std::string& certificate, const std::string& key,
                    const std::string& inline_key = "", const std::string& min = "TLS 1.2") {
  auto context = TlsServerContext::Make({certificate, key, inline_key, min});
  return std::string(context.status().message());
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// An authority, a good certificate, and a folder for broken files.
struct Files {
  std::string Broken(const std::string& content) {
    test::WriteFile(directory / "broken", content);
    return directory / "broken";
  }
  CertificateAuthority authority;
  IssuedCertificate good = authority.Issue();
  test::TemporaryDirectory directory;
};

TEST_CASE_METHOD(Files, "a certificate with its key makes a context that knows its end") {
  auto context = TlsServerContext::Make({good.chain, good.key, "", "TLS 1.3"});
  REQUIRE(context.ok());
  CHECK((*context)->Warning(Now()) == "");
  CHECK((*context)->not_after() > Now() + 29 * 86'400);
  CHECK((*context)->not_after() < Now() + 31 * 86'400);
}

TEST_CASE_METHOD(Files, "the key may stand in the configuration itself") {
  CHECK(Refusal(good.chain, "", test::ReadFile(good.key)) == "");
}

TEST_CASE_METHOD(Files, "what is missing is named by key and file") {
  CHECK(Contains(Refusal("", good.key), "tls.certificate_path: is not set"));
  CHECK(Contains(Refusal(good.chain, ""), "tls.key_path: is not set"));
  CHECK(Refusal("/nowhere/cert.pem", good.key) ==
        "tls.certificate_path: open /nowhere/cert.pem: no such file or directory");
  CHECK(Refusal(good.chain, "/nowhere/key.pem") ==
        "tls.key_path: open /nowhere/key.pem: no such file or directory");
  CHECK(Contains(Refusal(good.chain, "/"), "tls.key_path: read /: is a directory"));
}

TEST_CASE_METHOD(Files, "garbage is called so, and not repeated") {
  const std::string garbage = Broken("my secret is not PEM");
  const std::string certificate = Refusal(garbage, good.key), key = Refusal(good.chain, garbage);
  CHECK(Contains(certificate, "tls.certificate_path \"" + garbage + "\": holds no certificate"));
  CHECK(Contains(key, "tls.key_path \"" + garbage + "\": holds no private key"));
  CHECK_FALSE(Contains(certificate + key, "secret"));
}

TEST_CASE_METHOD(Files, "a chain that breaks off in the middle is refused") {
  const std::string chain = test::ReadFile(good.chain);
  const std::string cut = Broken(chain.substr(0, chain.size() - 60));
  CHECK(Contains(Refusal(cut, good.key), "certificate 2 of the file is broken"));
}

TEST_CASE_METHOD(Files, "a key of another certificate is refused") {
  const IssuedCertificate other = authority.Issue();
  CHECK(Refusal(good.chain, other.key) == "tls.key_path \"" + other.key.string() +
                                              "\": the key does not belong to the certificate in " +
                                              good.chain.string());
  const IssuedCertificate rsa = authority.Issue({.rsa = true});
  CHECK(Contains(Refusal(good.chain, rsa.key), "does not belong"));
}

TEST_CASE_METHOD(Files, "an encrypted key is refused without asking for its passphrase") {
  const IssuedCertificate locked = authority.Issue({.passphrase = "open sesame"});
  CHECK(Contains(Refusal(locked.chain, locked.key), "the key is encrypted with a passphrase"));
}

TEST_CASE_METHOD(Files, "an expired certificate serves, with a warning") {
  const IssuedCertificate expired = authority.Issue({.days = -1});
  auto context = TlsServerContext::Make({expired.chain, expired.key, "", "TLS 1.2"});
  REQUIRE(context.ok());
  CHECK(Contains((*context)->Warning(Now()), "tls.certificate_path"));
  CHECK(Contains((*context)->Warning(Now()), "the certificate expired at 20"));
  CHECK(Contains((*context)->Warning(0), "is not valid before 20"));
}

TEST_CASE_METHOD(Files, "a version that nobody knows is refused") {
  CHECK(Refusal(good.chain, good.key, "", "TLS 1.1") ==
        "tls.min_version \"TLS 1.1\": write \"TLS 1.2\" or \"TLS 1.3\"");
}

// The variables of this process, for the time of a test.
struct TrustVariables {
  TrustVariables(const std::string& file, const std::string& folders) {
    setenv("SSL_CERT_FILE", file.c_str(), 1);
    setenv("SSL_CERT_DIR", folders.c_str(), 1);
  }
  ~TrustVariables() {
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
  }
};

size_t CountCertificates(const std::string& pem) {
  size_t count = 0;
  for (size_t at = 0; (at = pem.find("BEGIN CERTIFICATE", at)) != pem.npos; at++) count++;
  return count;
}

TEST_CASE_METHOD(Files, "the trust store is a file and folders, each certificate once") {
  CertificateAuthority second("Second CA");
  test::WriteFile(directory / "a", test::ReadFile(second.root()) + test::ReadFile(second.root()));
  test::WriteFile(directory / "b", "no certificate");
  const TrustVariables variables(
      authority.root(), authority.empty_folder().string() + ":" + directory.path().string());
  const TrustStore store = ReadTrustStore();
  CHECK(CountCertificates(store.pem) == 2);
  CHECK(store.certificates.size() == 2);
  CHECK(store.warnings.empty());
}

TEST_CASE_METHOD(Files, "what is no certificate does not hide those after it") {
  const std::string broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const std::string key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  test::WriteFile(directory / "a", broken + key + test::ReadFile(authority.root()));
  const TrustVariables variables(directory / "a", authority.empty_folder());
  const TrustStore store = ReadTrustStore();
  CHECK(store.certificates.size() == 1);
  CHECK(CountCertificates(store.pem) == 1);
}

TEST_CASE("a trust store that was named and is not there is told") {
  const TrustVariables variables("/nowhere/roots.pem", "/nowhere/roots");
  const TrustStore store = ReadTrustStore();
  REQUIRE(store.warnings.size() == 2);
  CHECK(store.warnings[0] == "SSL_CERT_FILE: open /nowhere/roots.pem: no such file or directory");
  CHECK(Contains(store.warnings[1], "SSL_CERT_DIR: open /nowhere/roots"));
  CHECK(store.pem.empty());
  CHECK(TlsClientContext::Make("TLS 1.2").ok());  // nodes without TLS are none the worse
}

}  // namespace
}  // namespace praefect::net
