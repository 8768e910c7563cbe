// How `serve` starts, and what each signal does to it.

#include <signal.h>

#include <catch2/catch.hpp>

#include "praefect_program.h"

namespace praefect::test {
namespace {

class Server {
 public:
  Server()
      : process_({{PRAEFECT_PROGRAM, "-config", Configuration()}, {}, {}, folder_ / "errors"}) {
    while (const auto line = process_.ReadLine()) {
      if (Mentions(*line, "listening at address")) return;
    }
    FAIL("it does not listen: " + errors());
  }

  Process& process() { return process_; }
  std::string errors() const { return ReadFile(folder_ / "errors"); }

 private:
  std::string Configuration() const {
    WriteFile(folder_ / "t.toml",
              "listen_addr = '127.0.0.1:0'\n[[virtual_storage]]\nname = 'v'\n"
              "[[virtual_storage.node]]\nstorage = 's'\naddress = 'unix:/nonexistent'\n");
    return folder_ / "t.toml";
  }

  TemporaryDirectory folder_;
  Process process_;
};

}  // namespace

TEST_CASE_METHOD(Server, "TERM and INT stop it cleanly") {
  process().Kill(GENERATE(SIGTERM, SIGINT));
  CHECK(process().Wait() == 0);
  CHECK(errors().empty());
}

TEST_CASE_METHOD(Server, "HUP and USR1 are said to do nothing, and do nothing") {
  process().Kill(GENERATE(SIGHUP, SIGUSR1));
  CHECK(Eventually([&] { return Mentions(errors(), "has no effect yet"); }));
  CHECK_FALSE(process().WaitFor(std::chrono::milliseconds(0)));
  process().Kill(SIGTERM);
  CHECK(process().Wait() == 0);
}

}  // namespace praefect::test
