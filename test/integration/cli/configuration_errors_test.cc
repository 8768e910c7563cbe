// What `serve` says about a configuration it cannot use: on standard error, exit 78.

#include <catch2/catch.hpp>

#include "praefect_program.h"

namespace praefect::test {
namespace {

constexpr int kBrokenConfiguration = 78;

class Configuration {
 public:
  std::string PathOf(const std::string& name) const { return folder_ / name; }
  std::string Write(const std::string& text) const {
    WriteFile(PathOf("t.toml"), text);
    return PathOf("t.toml");
  }
  Ending Serve(const std::string& text) const {
    return Praefect({"-config", Write(text), "serve"});
  }
  // The line that a problem of t.toml begins with.
  std::string Place(int line, const std::string& key) const {
    return "\n" + PathOf("t.toml") + ":" + std::to_string(line) + ": " + key + ": ";
  }

 private:
  TemporaryDirectory folder_;
};

}  // namespace

TEST_CASE_METHOD(Configuration, "a file that is missing or a folder is named") {
  const auto missing = Praefect({"-config", PathOf("no.toml")});
  CHECK(missing.exit_code == kBrokenConfiguration);
  CHECK(FirstLine(missing.error) ==
        "error reading config file: open " + PathOf("no.toml") + ": no such file or directory");
  CHECK(Praefect({"-config", PathOf("")}).exit_code == kBrokenConfiguration);
}

TEST_CASE_METHOD(Configuration, "a file that cannot be reached is named") {
  const std::string path = Write("") + "/config.toml";
  CHECK(FirstLine(Praefect({"-config", path}).error) ==
        "error reading config file: open " + path + ": not a directory");
}

TEST_CASE_METHOD(Configuration, "a syntax error is shown with its line") {
  const auto ending = Serve("listen_addr = \n");
  CHECK(ending.exit_code == kBrokenConfiguration);
  CHECK(ending.output.empty());
  CHECK(FirstLine(ending.error).rfind("error reading config file: toml: ", 0) == 0);
  CHECK(Mentions(ending.error, PathOf("t.toml") + ":1: toml: "));
}

TEST_CASE_METHOD(Configuration, "a wrong type is shown with line and key") {
  const auto ending = Serve("\nlisten_addr = 5\n");
  CHECK(ending.exit_code == kBrokenConfiguration);
  CHECK(FirstLine(ending.error)
            .rfind("error reading config file: toml: cannot decode TOML integer", 0) == 0);
  CHECK(Mentions(ending.error, Place(2, "listen_addr")));
}

TEST_CASE_METHOD(Configuration, "every broken rule is listed below upstream's line") {
  const auto ending = Serve("[[virtual_storage]]\nname='v'\n[logging]\nformat='xml'\n");
  CHECK(ending.exit_code == kBrokenConfiguration);
  CHECK(FirstLine(ending.error) ==
        "validating config: no listen address or socket path configured");
  CHECK(Mentions(ending.error, PathOf("t.toml") + ": listen_addr: "));
  CHECK(Mentions(ending.error, Place(1, "virtual_storage[0].node")));
  CHECK(Mentions(ending.error, Place(4, "logging.format")));
}

TEST_CASE_METHOD(Configuration,
                 "a mistyped key is shown beside the errors that it may have caused") {
  const auto ending = Serve("listen_adr = '127.0.0.1:0'\n");
  CHECK(FirstLine(ending.error) ==
        "validating config: no listen address or socket path configured");
  CHECK(Mentions(ending.error, "warning: " + PathOf("t.toml") + ":1: listen_adr: "));
  CHECK(Mentions(ending.error, "listen_addr"));
}

TEST_CASE_METHOD(Configuration, "a file without virtual storage names the removed settings") {
  const auto ending = Serve("listen_addr = 'localhost:2305'\n");
  CHECK(ending.exit_code == kBrokenConfiguration);
  CHECK(FirstLine(ending.error) == "validating config: no virtual storages configured");
  CHECK(Mentions(ending.error, "praefect['virtual_storage_name']"));
  CHECK(Mentions(ending.error, "replaced by praefect['virtual_storages']"));
}

TEST_CASE_METHOD(Configuration, "what looks like an attack is refused like any other file") {
  CHECK(Serve(std::string(1 << 21, '[')).exit_code == kBrokenConfiguration);
  CHECK(Serve("a = " + std::string(500'000, '[')).exit_code == kBrokenConfiguration);
  CHECK(Serve(std::string("a\0b\xff", 4)).exit_code == kBrokenConfiguration);
}

}  // namespace praefect::test
