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
using Bio = std::unique_ptr<BIO, FreeBio>;

// One block of a PEM file, decoded from its text and no further.
struct PemBlock {
  PemBlock() = default;
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;
  ~PemBlock() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(bytes);
  }
  bool ReadFrom(BIO* source) { return PEM_read_bio(source, &name, &header, &bytes, &size) == 1; }
  bool IsCertificate() const { return std::string_view(name) == PEM_STRING_X509; }

  char* name = nullptr;
  char* header = nullptr;
  unsigned char* bytes = nullptr;
  long size = 0;
};

class Reader {
 public:
  // False when nothing could be read.
  absl::Status AddFile(const std::string& path) {
    auto file = config::ReadFile(path, kMaxFileBytes);
    if (!file.ok()) return file.status();
    Bio source(BIO_new_mem_buf(file->text.data(), static_cast<int>(file->text.size())));
    while (AddBlock(source.get())) {
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

  TrustStore Result() {
    char* text = nullptr;
    const long size = BIO_get_mem_data(pem_.get(), &text);
    result_.pem.assign(text, static_cast<size_t>(std::max(size, 0L)));
    return std::move(result_);
  }

 private:
  // False when there is no further one. Most certificates are in several files, and OpenSSL 3 takes
  // most of a millisecond to decode one: that is done once for each.
  bool AddBlock(BIO* source) {
    PemBlock block;
    if (!block.ReadFrom(source)) return false;
    const std::string der(reinterpret_cast<const char*>(block.bytes),
                          static_cast<size_t>(block.size));
    if (!block.IsCertificate() || !known_.insert(der).second) return true;
    const unsigned char* bytes = block.bytes;
    std::shared_ptr<X509> certificate(d2i_X509(nullptr, &bytes, block.size), X509_free);
    if (certificate == nullptr) return true;
    result_.certificates.push_back(std::move(certificate));
    PEM_write_bio(pem_.get(), PEM_STRING_X509, "", block.bytes, block.size);
    return true;
  }

  static bool IsLinkToNeighbour(const fs::path& path) {
    std::error_code error;
    const fs::path target = fs::read_symlink(path, error);
    return !error && !target.has_parent_path();
  }

  TrustStore result_;
  Bio pem_{BIO_new(BIO_s_mem())};
  std::set<std::string> known_;
};

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

TrustStore ReadTrustStore() {
  Reader reader;
  std::vector<std::string> warnings;
  auto warn = [&](const char* variable, const absl::Status& status) {
    if (!status.ok()) warnings.push_back(absl::StrCat(variable, ": ", status.message()));
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
  TrustStore store = reader.Result();
  store.warnings = std::move(warnings);
  return store;
}

}  // namespace praefect::net
