#include "support/certificate_authority.h"

#include <stdexcept>

namespace praefect::test {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

void OpenSsl(const Words& words, const Words& more = {}) {
  Command command;
  command.argv = {"openssl"};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  command.argv.insert(command.argv.end(), more.begin(), more.end());
  const Outcome outcome = Run(command);
  if (outcome.exit_status != 0) {
    throw std::runtime_error("openssl " + words.front() + " failed:\n" + outcome.error);
  }
}

Words NewKey(const fs::path& key, const CertificateWish& wish = {}) {
  Words words = {"-keyout", key.string(), "-newkey"};
  if (wish.rsa) {
    words.push_back("rsa:2048");
  } else {
    words.insert(words.end(), {"ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"});
  }
  if (wish.passphrase.empty()) {
    words.push_back("-nodes");
  } else {
    words.insert(words.end(), {"-passout", "pass:" + wish.passphrase});
  }
  return words;
}

std::string AlternativeNames(const CertificateWish& wish) {
  std::string text = "subjectAltName=";
  for (const std::string& name : wish.names) {
    text += (text.back() == '=' ? "" : ",") + name;
  }
  return text;
}

// `from` is signed by `authority`.
void Sign(const fs::path& from, const fs::path& to, const fs::path& authority, int days) {
  const std::string name = authority.string();
  OpenSsl({"x509", "-req", "-in", from.string(), "-out", to.string(), "-CA", name + ".pem",
           "-CAkey", name + ".key", "-copy_extensions", "copy", "-days", std::to_string(days)});
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name) {
  fs::create_directory(empty_folder());
  OpenSsl({"req", "-x509", "-out", root().string(), "-days", "30", "-subj", "/CN=" + name},
          NewKey(directory_ / "root.key"));
  OpenSsl({"req", "-new", "-out", (directory_ / "intermediate.csr").string(), "-subj",
           "/CN=" + name + " intermediate", "-addext", "basicConstraints=critical,CA:TRUE"},
          NewKey(directory_ / "intermediate.key"));
  Sign(directory_ / "intermediate.csr", directory_ / "intermediate.pem", directory_ / "root", 30);
}

fs::path CertificateAuthority::New(const std::string& suffix) {
  return directory_ / ("issued-" + std::to_string(issued_) + suffix);
}

IssuedCertificate CertificateAuthority::Issue(const CertificateWish& wish) {
  ++issued_;
  IssuedCertificate issued{New(".pem"), New(".key")};
  const Words request = {"-subj", "/CN=praefect test", "-addext", AlternativeNames(wish)};
  Words words = NewKey(issued.key, wish);
  words.insert(words.end(), request.begin(), request.end());
  if (wish.self_signed) {
    OpenSsl({"req", "-x509", "-out", issued.chain.string(), "-days", std::to_string(wish.days)},
            words);
    return issued;
  }
  OpenSsl({"req", "-new", "-out", New(".csr").string()}, words);
  Sign(New(".csr"), New(".leaf"), directory_ / "intermediate", wish.days);
  WriteFile(issued.chain, ReadFile(New(".leaf")) + ReadFile(directory_ / "intermediate.pem"));
  return issued;
}

}  // namespace praefect::test
