#include "config/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "unit/config/loading.h"

namespace praefect::config {
namespace {

class SecretFiles {
 public:
  SecretFiles() {
    char name[] = "/tmp/praefect-config-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~SecretFiles() { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& text, mode_t mode) {
    const std::string path = folder_ / "secret";
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }

  std::filesystem::path folder_;
};

}  // namespace

TEST_CASE_METHOD(SecretFiles, "a secret ends before the newlines of its file") {
  const mode_t mode = GENERATE(0600, 0400);
  CHECK(*ReadSecretFile(Write("se cret \r\n\n", mode)) == "se cret ");
}

TEST_CASE_METHOD(SecretFiles, "a secret that others can read is refused") {
  const auto secret = ReadSecretFile(Write("x", 0644));
  CHECK(secret.status().message() ==
        "file permission 0644 is too permissive, should be 0600 or 0400");
}

TEST_CASE_METHOD(SecretFiles, "an empty secret is refused") {
  const std::string path = Write("\n", 0600);
  CHECK(ReadSecretFile(path).status().message() == "empty file: \"" + path + "\"");
}

TEST_CASE_METHOD(SecretFiles, "what is no file of a sensible size is refused") {
  CHECK(ReadSecretFile("/nonexistent").status().message() ==
        "open /nonexistent: no such file or directory");
  CHECK(ReadSecretFile("/dev/null").status().message() == "not a file: \"/dev/null\"");
  CHECK_FALSE(ReadSecretFile(folder_).ok());
  CHECK_FALSE(ReadSecretFile(Write(std::string((64 << 10) + 1, 'x'), 0600)).ok());
  const std::string pipe = folder_ / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_FALSE(ReadSecretFile(pipe).ok());
}

TEST_CASE_METHOD(SecretFiles, "a pipe whose writer says nothing is given up") {
  const std::string pipe = folder_ / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const int writer = open(pipe.c_str(), O_RDWR);
  const auto secret = ReadSecretFile(pipe);
  close(writer);
  CHECK(secret.status().code() == absl::StatusCode::kDeadlineExceeded);
}

TEST_CASE_METHOD(SecretFiles, "tokens and the password may come from files") {
  const std::string path = Write("from-file\n", 0600);
  const auto result = LoadFile(
      "socket_path = '/run/p'\n[auth]\ntoken_file = '" + path + "'\n[database]\npassword_file = '" +
      path + "'\n[[virtual_storage]]\nname='v'\n[[virtual_storage.node]]\nstorage='s'\n" +
      "address='tcp://h:1'\ntoken_file='" + path + "'\n");
  REQUIRE(result.config);
  CHECK(result.config->auth.token == "from-file");
  CHECK(result.config->database.pooled.password == "from-file");
  CHECK(result.config->virtual_storages[0].nodes[0].token == "from-file");
}

TEST_CASE_METHOD(SecretFiles, "a secret has one source, and it must be readable") {
  const std::string path = Write("from-file", 0640);
  const auto both = LoadFile("[auth]\ntoken = 'x'\ntoken_file = '" + path + "'\n");
  CHECK(ErrorAt(both, "auth.token_file") == "token and token_file are mutually exclusive");
  const auto open = LoadFile("[auth]\ntoken_file = '" + path + "'\n");
  CHECK(ErrorAt(open, "auth.token_file") ==
        "file permission 0640 is too permissive, should be 0600 or 0400");
  CHECK(Mentions(Printed(open), path + " must hold the token"));
  CHECK_FALSE(Mentions(Printed(open), "authentication is off"));
}

}  // namespace praefect::config
