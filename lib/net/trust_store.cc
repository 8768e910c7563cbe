#include "net/trust_store.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "config/read_file.h"

namespace praefect::net {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = 16 << 20;

// Debian, Fedora, SUSE, Alpine.
constexpr const char* kUsualFiles[] = {"/etc/ssl/certs/ca-certificates.crt",
                                       "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                                       "/etc/ssl/cert.pem"};
constexpr const char* kUsualFolders[] = {"/etc/ssl/certs", "/etc/pki/tls/certs"};

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeCertificate>;

std::string ToDer(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  std::string der(reinterpret_cast<char*>(bytes), size > 0 ? static_cast<size_t>(size) : 0);
  OPENSSL_free(bytes);
  return der;
}

class Reader {
 public:
  // False when nothing could be read.
  absl::Status AddFile(const std::string& path) {
    auto file = config::ReadFile(path, kMaxFileBytes);
    if (!file.ok()) return file.status();
    Bio source(BIO_new_mem_buf(file->text.data(), static_cast<int>(file->text.size())));
    while (Certificate certificate{PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr)}) {
      if (known_.insert(ToDer(certificate.get())).second) {
        PEM_write_bio_X509(result_.get(), certificate.get());
      }
    }
    ERR_clear_error();  // the end of the file is one
    return absl::OkStatus();
  }

  absl::Status AddFolder(const std::string& path) {
    std::error_code error;
    std::vector<std::string> files;
    for (fs::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
      if (IsLinkToNeighbour(entry->path())) continue;  // what c_rehash makes
      files.push_back(entry->path().string());
    }
    if (error) return absl::UnavailableError(absl::StrCat("open ", path, ": ", error.message()));
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) AddFile(file).IgnoreError();
    return absl::OkStatus();
  }

  std::string Result() const {
    char* text = nullptr;
    const long size = BIO_get_mem_data(result_.get(), &text);
    return std::string(text, static_cast<size_t>(std::max(size, 0L)));
  }

 private:
  static bool IsLinkToNeighbour(const fs::path& path) {
    std::error_code error;
    const fs::path target = fs::read_symlink(path, error);
    return !error && !target.has_parent_path();
  }

  Bio result_{BIO_new(BIO_s_mem())};
  std::set<std::string> known_;
};

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

TrustStore ReadTrustStore() {
  Reader reader;
  TrustStore store;
  auto warn = [&](const char* variable, const absl::Status& status) {
    if (!status.ok()) store.warnings.push_back(absl::StrCat(variable, ": ", status.message()));
  };
  if (const std::string file = Variable("SSL_CERT_FILE"); !file.empty()) {
    warn("SSL_CERT_FILE", reader.AddFile(file));
  } else {
    for (const char* usual : kUsualFiles) {
      if (reader.AddFile(usual).ok()) break;
    }
  }
  if (const std::string folders = Variable("SSL_CERT_DIR"); !folders.empty()) {
    for (absl::string_view folder : absl::StrSplit(folders, ':', absl::SkipEmpty())) {
      warn("SSL_CERT_DIR", reader.AddFolder(std::string(folder)));
    }
  } else {
    for (const char* usual : kUsualFolders) reader.AddFolder(usual).IgnoreError();
  }
  store.pem = reader.Result();
  return store;
}

}  // namespace praefect::net
