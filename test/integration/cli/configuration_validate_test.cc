// What `configuration validate` finds, and how it says so.

#include <catch2/catch.hpp>

#include "praefect_program.h"

namespace praefect::test {
namespace {

const std::string kGood =
    "listen_addr = '0.0.0.0:2305'\n"
    "auth.token = 'external'\n"
    "[[virtual_storage]]\nname = 'v'\n"
    "[[virtual_storage.node]]\nstorage = 's'\naddress = 'tcp://s:8075'\nprimary = true\n";

class Validation {
 public:
  std::string PathOf(const std::string& name) const { return folder_ / name; }
  std::string Write(const std::string& text) const {
    WriteFile(PathOf("t.toml"), text);
    return PathOf("t.toml");
  }
  // With `text` on standard input.
  Ending Pipe(const std::string& text, const std::string& flags = "") const {
    return Redirect(Write(text), flags);
  }
  Ending Redirect(const std::string& path, const std::string& flags = "") const {
    const auto outcome = Run(
        {{"sh", "-c", "exec " PRAEFECT_PROGRAM " configuration validate " + flags + " < " + path},
         {{"PRAEFECT_CONFIG", "/no.toml"}},
         {},
         {}});
    return {outcome.exit_status, outcome.output, outcome.error};
  }

 private:
  TemporaryDirectory folder_;
};

}  // namespace

TEST_CASE_METHOD(Validation, "a good file gets no word and exit 0") {
  CHECK(Pipe(kGood) == Ending{0, "", ""});
  CHECK(Praefect({"configuration", "validate", Write(kGood)}) == Ending{0, "", ""});
  CHECK(Praefect({"-config", Write(kGood), "configuration", "validate"}) == Ending{0, "", ""});
}

TEST_CASE_METHOD(Validation, "findings are upstream's JSON and exit 2") {
  const auto ending = Pipe(kGood + "[[virtual_storage]]\nname = 'v'\n");
  CHECK(ending.exit_code == 2);
  CHECK(ending.error.empty());
  CHECK(ending.output == R"({
  "errors": [
    {
      "key": [
        "virtual_storage",
        "[1]",
        "node"
      ],
      "message": "not set"
    },
    {
      "key": [
        "virtual_storage",
        "[1]",
        "name"
      ],
      "message": "not unique"
    }
  ]
}
)");
}

TEST_CASE_METHOD(Validation, "people get file, line, key, message, suggestion, and warnings") {
  const std::string path = Write("listen_adr = '1'\n" + kGood + "[logging]\nformat = 'xml'\n");
  const auto ending = Praefect({"configuration", "validate", "-o", "text", path});
  CHECK(ending.exit_code == 2);
  CHECK(ending.output ==
        "error: " + path +
            ":11: logging.format: invalid logger format \"xml\" (write text or json)\n"
            "warning: " +
            path +
            ":1: listen_adr: unknown key, it has no effect (did you mean listen_addr?)\n"
            "1 error, 1 warning\n");
}

TEST_CASE_METHOD(Validation, "people get errors in the order of the file") {
  const auto ending = Pipe("[logging]\nformat = 'xml'\n", "-o text");
  CHECK(FirstLine(ending.output).rfind("error: standard input: listen_addr: ", 0) == 0);
  CHECK(Mentions(ending.output, "error: standard input:2: logging.format: "));
  CHECK(Mentions(ending.output, "\n3 errors, 1 warning\n"));
}

TEST_CASE_METHOD(Validation, "warnings are no findings") {
  CHECK(Pipe("listen_adr = '1'\n" + kGood) == Ending{0, "", ""});
  CHECK(Pipe(kGood, "-o text") == Ending{0, "0 errors, 0 warnings\n", ""});
}

TEST_CASE_METHOD(Validation, "rules that serve only warns of are findings here") {
  const std::string text = kGood + "[reconciliation]\nscheduling_interval = '-1s'\n";
  CHECK(Pipe(text).exit_code == 2);
  CHECK(Mentions(Pipe(text).output, "not in range: -1s is not greater than or equal to 0s"));
  const auto text_form = Pipe(text, "-o text");
  CHECK(Mentions(text_form.output, "error: standard input:10: reconciliation.scheduling_interval"));
  CHECK(Mentions(text_form.output, "1 error, 1 warning"));
}

TEST_CASE_METHOD(Validation, "a wrong type and a syntax error are findings with their place") {
  CHECK(Mentions(Pipe("\nlisten_addr = 5\n").output,
                 "line 2 column 15: toml: cannot decode TOML integer into field listen_addr"));
  CHECK(Mentions(Pipe("listen_addr = \n").output, "line 1 column 15: toml: "));
}

TEST_CASE_METHOD(Validation, "secrets are not in what is printed") {
  WriteFile(PathOf("open"), "hunter2\n");
  const std::string text = "auth = { token = 'hunter2', token_file = '" + PathOf("open") +
                           "' }\n[database]\npassword_file = '" + PathOf("open") + "'\n";
  CHECK(Mentions(Pipe(text, "-o text").output, PathOf("open") + " must hold the password"));
  CHECK_FALSE(Mentions(Pipe(text, "-o text").output + Pipe(text).output, "hunter2"));
}

TEST_CASE_METHOD(Validation, "what is no configuration at all is one finding") {
  for (const std::string& text :
       {std::string("listen_addr = \n"), std::string("\177ELF\002\001"), std::string("]]]][[[[ {}"),
        std::string(10 << 20, 'x'), std::string(1000, '\0')}) {
    const auto ending = Pipe(text);
    CHECK(ending.exit_code == 2);
    CHECK(ending.output.find("\"message\"") == ending.output.rfind("\"message\""));
    CHECK(Mentions(ending.output, "\"message\": \""));
  }
}

TEST_CASE_METHOD(Validation, "a directory is a finding") {
  CHECK(Mentions(Redirect(PathOf("")).output, "read standard input: is a directory"));
  CHECK(Redirect(PathOf("")).exit_code == 2);
  CHECK(Praefect({"configuration", "validate", PathOf("")}).exit_code == 2);
}

TEST_CASE_METHOD(Validation, "what cannot be read is no finding but exit 1") {
  const auto ending = Praefect({"configuration", "validate", "no.toml"});
  CHECK(ending ==
        Ending{1, "", "processing input data: open no.toml: no such file or directory\n"});
  CHECK(Praefect({"configuration", "validate", Write("") + "/x"}).exit_code == 1);
}

TEST_CASE_METHOD(Validation, "more than one file is wrong usage") {
  CHECK(Praefect({"configuration", "validate", "a", "b"}).exit_code == 2);
  CHECK(Praefect({"configuration", "validate", "-o", "xml"}).exit_code == 2);
}

}  // namespace praefect::test
