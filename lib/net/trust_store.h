#pragma once

// The certificate authorities that the machine's administrator trusts.

#include <string>
#include <vector>

namespace praefect::net {

struct TrustStore {
  std::string pem;                    // every certificate once
  std::vector<std::string> warnings;  // what was named by a variable and could not be read
};

// As Go programs do, upstream among them: the file named by SSL_CERT_FILE, or the first bundle of
// the distributions' usual places; and every file in the folders of SSL_CERT_DIR (colons between
// them), or in the usual ones.
TrustStore ReadTrustStore();

}  // namespace praefect::net
