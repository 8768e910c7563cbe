// How `serve` starts, what each signal does to it, and what Ctrl-C does to others.

#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <optional>

#include "praefect_program.h"

namespace praefect::test {
namespace {

class Server {
 public:
  Server() : process_({{PRAEFECT_PROGRAM, "-config", Configure("")}, {}, {}, folder_ / "errors"}) {
    WaitLog("listening at address");
  }

  Process& process() { return process_; }
  std::string errors() const { return ReadFile(folder_ / "errors"); }
  // Its configuration, with `keys` on top; returns where it is.
  std::string Configure(const std::string& keys) const {
    WriteFile(folder_ / "t.toml",
              keys +
                  "listen_addr = '127.0.0.1:0'\n[[virtual_storage]]\nname = 'v'\n"
                  "[[virtual_storage.node]]\nstorage = 's'\naddress = 'unix:/nonexistent'\n");
    return folder_ / "t.toml";
  }
  // Reads the log up to a line with `text`, and returns it.
  std::string WaitLog(const std::string& text) {
    while (const auto line = process_.ReadLine()) {
      if (Mentions(*line, text)) return *line;
    }
    FAIL("missing in the log: " + text + "; errors: " + errors());
    return "";
  }

  TemporaryDirectory folder_;
  Process process_;
};

// A command that waits for input that never comes.
class Waiting {
 public:
  Waiting() : process_({{"sh", "-c", Line()}, {}, {}, {}}) {
    // Its shell catches INT as well.
    const bool catches = Eventually([&] {
      return Mentions(Status(), "Name:\tpraefect\n") && (CaughtSignals() & 1U << (SIGINT - 1)) != 0;
    });
    if (!catches) FAIL("it does not catch INT: " + Status());
  }

  Process& process() { return process_; }

 private:
  std::string Line() const {
    const std::string pipe = folder_ / "pipe";
    return "mkfifo " + pipe + " && exec " PRAEFECT_PROGRAM " configuration validate <> " + pipe;
  }
  unsigned long long CaughtSignals() const {
    const std::string status = Status();
    return std::stoull(status.substr(status.find("SigCgt:") + 8), nullptr, 16);
  }
  std::string Status() const {
    return ReadFile("/proc/" + std::to_string(process_.pid()) + "/status");
  }

  TemporaryDirectory folder_;
  Process process_;
};

}  // namespace

TEST_CASE_METHOD(Waiting, "INT ends a command with 130, without a core or a signal's status") {
  process().Kill(SIGINT);
  siginfo_t info = {};
  REQUIRE(waitid(P_PID, static_cast<id_t>(process().pid()), &info, WEXITED | WNOWAIT) == 0);
  CHECK(info.si_code == CLD_EXITED);
  CHECK(info.si_status == 130);
}

TEST_CASE_METHOD(Server, "TERM and INT stop it cleanly") {
  process().Kill(GENERATE(SIGTERM, SIGINT));
  CHECK(process().Wait() == 0);
  CHECK(errors().empty());
}

TEST_CASE_METHOD(Server, "HUP reads the configuration again") {
  Configure("graceful_stop_timeout = '3s'\n");
  process().Kill(SIGHUP);
  CHECK(Mentions(WaitLog("configuration read again"), "graceful_stop_timeout"));
  process().Kill(SIGTERM);
  CHECK(process().Wait() == 0);
}

TEST_CASE_METHOD(Server, "HUP with a broken file changes nothing and says why") {
  Configure("listen_addr = [\n");
  process().Kill(SIGHUP);
  WaitLog("the configuration file is broken: the old configuration stays in use");
  CHECK(Mentions(WaitLog("level=error"), "t.toml"));
  process().Kill(SIGTERM);
  CHECK(process().Wait() == 0);
}

TEST_CASE_METHOD(Server, "USR1 reopens the log") {
  process().Kill(SIGUSR1);
  WaitLog("log file reopened");
  process().Kill(SIGTERM);
  CHECK(process().Wait() == 0);
}

TEST_CASE_METHOD(Server, "signals up to the last moment do no harm") {
  process().Kill(SIGTERM);
  std::optional<int> code;
  while (!(code = process().WaitFor(std::chrono::milliseconds(1)))) {
    process().Kill(SIGHUP);
    process().Kill(SIGUSR1);
  }
  CHECK(code == 0);
}

TEST_CASE("a log file that was renamed is left alone after USR1") {
  const TemporaryDirectory folder;
  const std::string file = folder / "log", rotated = folder / "log.1";
  WriteFile(folder / "t.toml", "listen_addr = '127.0.0.1:0'\nlogging.file = '" + file +
                                   "'\n[[virtual_storage]]\nname = 'v'\n[[virtual_storage.node]]\n"
                                   "storage = 's'\naddress = 'unix:/nonexistent'\n");
  Process process({{PRAEFECT_PROGRAM, "-config", folder / "t.toml"}});
  const auto logs = [](const std::string& into, const std::string& text) {
    return Eventually([&] { return Mentions(ReadFile(into), text); });
  };
  REQUIRE(logs(file, "listening at address"));
  std::filesystem::rename(file, rotated);
  process.Kill(SIGUSR1);
  CHECK(logs(file, "log file reopened"));
  process.Kill(SIGTERM);
  CHECK(process.Wait() == 0);
  CHECK(Mentions(ReadFile(file), "Praefect has stopped"));
  CHECK_FALSE(Mentions(ReadFile(rotated), "Praefect has stopped"));
}

}  // namespace praefect::test
