#pragma once

// The certificate authorities that the machine's administrator trusts.

#include <memory>
#include <string>
#include <vector>

struct x509_st;

namespace praefect::net {

struct TrustStore {
  // Every certificate once. What OpenSSL cannot decode is left out, as Go does.
  std::vector<std::shared_ptr<x509_st>> certificates;
  std::string pem;                    // the same, as text
  std::vector<std::string> warnings;  // what was named by a variable and could not be read
};

// As Go programs do, upstream among them: the file named by SSL_CERT_FILE, or the first bundle of
// the distributions' usual places; and every file in the folders of SSL_CERT_DIR (colons between
// them), or in the usual ones.
TrustStore ReadTrustStore();

}  // namespace praefect::net
