// [tls] and tls_listen_addr.

#include <catch2/catch.hpp>

#include "support/process.h"
#include "unit/config/loading.h"

namespace praefect::config {
namespace {

class TlsFiles {
 public:
  TlsFiles() {
    Write("cert.pem", 0644);
    Write("key.pem", 0600);
  }
  void Write(const std::string& name, unsigned mode) const {
    test::WriteFile(PathOf(name), "PEM");
    std::filesystem::permissions(PathOf(name), static_cast<std::filesystem::perms>(mode));
  }
  std::string PathOf(const std::string& name) const { return folder_ / name; }
  std::string Quoted(const std::string& name) const { return "'" + PathOf(name) + "'"; }
  // [tls] with both files.
  std::string Table() const {
    return "[tls]\ncertificate_path = " + Quoted("cert.pem") + "\nkey_path = " + Quoted("key.pem") +
           "\n";
  }
  LoadResult LoadListening(const std::string& tables, const std::string& address = ":3305") const {
    return LoadFile("tls_listen_addr = '" + address + "'\n" + std::string(kServing) + tables);
  }

 private:
  test::TemporaryDirectory folder_;
};

}  // namespace

TEST_CASE_METHOD(TlsFiles, "a TLS listener with its files is accepted without a word") {
  const auto result = LoadListening(Table() + "min_version = 'TLS 1.3'\n", "tls://0.0.0.0:3305");
  CHECK(Printed(result) == "\n");
  REQUIRE(result.config);
  CHECK(result.config->tls_listen_addr == "tls://0.0.0.0:3305");
  const Tls expected{PathOf("cert.pem"), PathOf("key.pem"), "", "TLS 1.3"};
  CHECK(result.config->tls == expected);
}

TEST_CASE_METHOD(TlsFiles, "TLS alone is enough to listen") {
  CHECK(LoadFile("tls_listen_addr = ':3305'\n[[virtual_storage]]\nname='v'\n"
                 "[[virtual_storage.node]]\nstorage='s'\naddress='tcp://h:1'\n" +
                 Table())
            .config);
}

TEST_CASE_METHOD(TlsFiles, "a TLS listener needs certificate and key") {
  const auto result = LoadListening("");
  CHECK(ErrorAt(result, "tls.certificate_path") == "not set");
  CHECK(ErrorAt(result, "tls.key_path") == "not set");
  CHECK(Mentions(Printed(result), "tls_listen_addr needs it"));
}

TEST_CASE_METHOD(TlsFiles, "the key stands in one place") {
  const auto both = LoadListening(Table() + "key = 'PEM'\n");
  CHECK(ErrorAt(both, "tls.key_path") == "key_path and key cannot both be set");
  const auto inline_key =
      LoadListening("[tls]\nkey = 'PEM'\ncertificate_path = " + Quoted("cert.pem"));
  CHECK(inline_key.config->tls.key == "PEM");
}

TEST_CASE_METHOD(TlsFiles, "files that cannot be read are refused by name") {
  const auto load = [&](const std::string& path) {
    return ErrorAt(LoadListening("[tls]\nkey='x'\ncertificate_path = '" + path + "'\n"),
                   "tls.certificate_path");
  };
  CHECK(load("/none.pem") == "doesn't exist: \"/none.pem\"");
  CHECK(load("/dev/null") == "not a file: \"/dev/null\"");
  CHECK(load("/dev") == "read /dev: is a directory");
}

TEST_CASE_METHOD(TlsFiles, "without a TLS listener the same is for validation alone") {
  const auto result = LoadWithTables("[tls]\nkey='x'\ncertificate_path = '/none.pem'\n");
  REQUIRE(result.config);
  CHECK(WarningAt(result, "tls.certificate_path") == "doesn't exist: \"/none.pem\"");
  CHECK(result.warnings[0].fails_validation);
}

TEST_CASE_METHOD(TlsFiles, "a private key that everybody can read is a warning") {
  Write("key.pem", 0644);
  const auto result = LoadListening(Table());
  REQUIRE(result.config);
  CHECK(Mentions(WarningAt(result, "tls.key_path"), "every user of this host can read"));
}

TEST_CASE_METHOD(TlsFiles, "a version must be one that is spoken") {
  CHECK(ErrorAt(LoadListening(Table() + "min_version = 'TLS 1.1'\n"), "tls.min_version") ==
        "not supported: \"TLS 1.1\"");
  CHECK(LoadListening(Table() + "min_version = ''\n").config->tls.min_version == "TLS 1.2");
}

TEST_CASE_METHOD(TlsFiles, "no two listeners share an address") {
  CHECK(ErrorAt(LoadListening(Table(), "tls://0.0.0.0:2305"), "tls_listen_addr") ==
        "same address can't be used for different schemas \"tls://0.0.0.0:2305\"");
  CHECK(ErrorAt(LoadFile("prometheus_listen_addr=':3305'\ntls_listen_addr=':3305'\n" +
                         std::string(kServing) + Table()),
                "prometheus_listen_addr") == "the same address as tls_listen_addr");
}

TEST_CASE_METHOD(TlsFiles, "each listener takes its own scheme") {
  CHECK(ErrorAt(LoadListening(Table(), "tcp://:3305"), "tls_listen_addr") ==
        "invalid connection string: \"tcp://:3305\"");
  CHECK(ErrorAt(LoadFile("listen_addr = 'tls://:2305'\n"), "listen_addr") ==
        "invalid connection string: \"tls://:2305\"");
  CHECK(Mentions(WarningAt(LoadListening(Table(), "localhost:3305"), "tls_listen_addr"),
                 "reachable from this host only"));
}

}  // namespace praefect::config
