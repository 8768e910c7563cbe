#pragma once

// Certificates as the openssl program makes them, in a temporary folder: root -> intermediate ->
// what is issued.

#include <filesystem>
#include <string>
#include <vector>

#include "support/process.h"

namespace praefect::test {

// Both PEM. `chain` holds the certificate and the intermediate's.
struct IssuedCertificate {
  std::filesystem::path chain;
  std::filesystem::path key;
};

struct CertificateWish {
  std::vector<std::string> names = {"DNS:localhost", "IP:127.0.0.1", "IP:::1"};
  int days = 30;             // -1: expired
  bool self_signed = false;  // nobody vouches for it
  std::string passphrase;    // empty: the key is not encrypted
  bool rsa = false;          // instead of an elliptic curve
};

class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name = "Test CA");

  // For SSL_CERT_FILE.
  std::filesystem::path root() const { return directory_ / "root.pem"; }
  // A folder without certificates, for SSL_CERT_DIR: nothing of the machine is trusted then.
  std::filesystem::path empty_folder() const { return directory_ / "empty"; }
  IssuedCertificate Issue(const CertificateWish& wish = {});

 private:
  std::filesystem::path New(const std::string& suffix);

  TemporaryDirectory directory_;
  int issued_ = 0;
};

}  // namespace praefect::test
