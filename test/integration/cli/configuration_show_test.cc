// What `configuration show` prints.

#include <catch2/catch.hpp>

#include "praefect_program.h"

namespace praefect::test {
namespace {

class Shown {
 public:
  Shown() {
    WriteFile(folder_ / "secret", "hunter2\n");
    std::filesystem::permissions(folder_ / "secret", std::filesystem::perms::owner_read);
    WriteFile(path(),
              "listen_addr = '0.0.0.0:2305'\n"
              "auth.token_file = '" +
                  (folder_ / "secret").string() +
                  "'\n"
                  "[[virtual_storage]]\nname = \"v\\\"1\"\n"
                  "[[virtual_storage.node]]\nstorage = 's'\naddress = 'tcp://s'\n"
                  "token = 'hunter2'\nprimary = true\n"
                  "[database]\nhost = 'pool'\npassword = 'hunter2'\n");
  }
  std::string path() const { return folder_ / "t.toml"; }
  Ending Show(const std::string& format) const {
    const auto outcome =
        Run({{PRAEFECT_PROGRAM, "-config", path(), "configuration", "show", "-o", format},
             {{"STATE_DIRECTORY", "/var/lib/praefect"}},
             {},
             {}});
    return {outcome.exit_status, outcome.output, outcome.error};
  }

 private:
  TemporaryDirectory folder_;
};

// `line` and what it is followed by, with any number of blanks between.
bool Shows(const std::string& output, const std::string& line, const std::string& comment) {
  const auto begin = output.find("\n" + line + " ");
  if (begin == output.npos) return false;
  const auto rest = output.substr(begin + 1 + line.size());
  return rest.substr(rest.find_first_not_of(' ')).rfind("# " + comment + "\n", 0) == 0;
}

}  // namespace

TEST_CASE_METHOD(Shown, "every value comes with its origin") {
  const auto ending = Show("text");
  CHECK(ending.exit_code == 0);
  CHECK(ending.error.empty());
  CHECK(Shows(ending.output, "listen_addr = \"0.0.0.0:2305\"", "line 1"));
  CHECK(Shows(ending.output, "graceful_stop_timeout = \"1m0s\"", "default"));
  CHECK(Shows(ending.output, "[auth]\ntoken = <set>", "secret file of line 2"));
  CHECK(Shows(ending.output, "[[virtual_storage]]\nname = \"v\\\"1\"", "line 4"));
  CHECK(Shows(ending.output, "[[virtual_storage.node]]\nstorage = \"s\"", "line 6"));
  CHECK(Shows(ending.output, "address = \"tcp://s:8075\"", "line 7"));
  CHECK(Shows(ending.output, "[database.session_pooled]\nhost = \"pool\"",
              "from [database], line 11"));
  CHECK(Shows(ending.output, "path = \"/var/lib/praefect/praefect.db\"",
              "environment, STATE_DIRECTORY"));
}

TEST_CASE_METHOD(Shown, "secrets are not shown") {
  for (const char* format : {"text", "json"}) {
    const auto ending = Show(format);
    CHECK(Mentions(ending.output, "<set>"));
    CHECK(Mentions(ending.output, "<not set>"));
    CHECK_FALSE(Mentions(ending.output + ending.error, "hunter2"));
  }
}

TEST_CASE_METHOD(Shown, "scripts get JSON") {
  const auto ending = Show("json");
  CHECK(ending.exit_code == 0);
  CHECK(Mentions(ending.output, "\"file\": \"" + path() + "\""));
  CHECK(Mentions(ending.output, R"(      "key": "listen_addr",
      "value": "0.0.0.0:2305",
      "origin": "file",
      "line": 1
)"));
  CHECK(Mentions(ending.output, R"("value": "1m0s",
      "origin": "default"
)"));
}

TEST_CASE_METHOD(Shown, "a broken configuration is not shown but explained") {
  WriteFile(path(), "listen_addr = 5\n");
  const auto ending = Show("text");
  CHECK(ending.exit_code == 1);
  CHECK(ending.output.empty());
  CHECK(Mentions(ending.error, path() + ":1: listen_addr: toml: cannot decode TOML integer"));
}

TEST_CASE("showing needs a file") {
  CHECK(FirstLine(Praefect({"configuration", "show"}).error) == "Required flag \"config\" not set");
}

}  // namespace praefect::test
