// `serve` under a service manager: what it says, and the sockets that it is given.

#include "support/service_manager.h"

#include <signal.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "praefect_program.h"

namespace praefect::test {
namespace {

using std::chrono::milliseconds;

class Service {
 public:
  void Start(const std::string& keys, milliseconds watchdog = {}) {
    WriteFile(file(), keys +
                          "\n[[virtual_storage]]\nname = 'v'\n[[virtual_storage.node]]\n"
                          "storage = 's'\naddress = 'unix:/nonexistent'\n");
    Command command = manager.Service({PRAEFECT_PROGRAM, "-config", file()}, watchdog);
    command.error_file = folder / "errors";
    command.environment["GITALY_PID_FILE"] = pid_file;
    process.emplace(command);
  }
  void StartAndWait(const std::string& keys, milliseconds watchdog = {}) {
    Start(keys, watchdog);
    INFO(errors());
    REQUIRE(manager.Hears("READY=1"));
  }
  int Stop() {
    process->Kill(SIGTERM);
    return process->Wait();
  }
  std::string file() const { return folder / "t.toml"; }
  std::string errors() const { return ReadFile(folder / "errors"); }

  ServiceManager manager;
  const TemporaryDirectory folder;
  std::string pid_file;
  std::optional<Process> process;
};

constexpr char kAnyPort[] = "listen_addr = '127.0.0.1:0'";

}  // namespace

TEST_CASE_METHOD(Service, "it is ready although its only node is down, and says that") {
  StartAndWait(kAnyPort);
  CHECK(manager.Hears("STATUS=not ready: its primary \"s\" (unix:/nonexistent) is not healthy"));
  CHECK(Stop() == 0);
}

TEST_CASE_METHOD(Service, "a reload and a stop are announced") {
  StartAndWait(kAnyPort);
  process->Kill(SIGHUP);
  CHECK(manager.Hears("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(Eventually([&] { return manager.Count("READY=1") == 2; }));
  CHECK(Stop() == 0);
  CHECK(manager.Count("STOPPING=1") == 1);
}

TEST_CASE_METHOD(Service, "a watchdog hears signs of life, and none when the process hangs") {
  StartAndWait(kAnyPort, milliseconds(300));
  CHECK(Eventually([&] { return manager.Count("WATCHDOG=1") >= 2; }));
  process->Kill(SIGSTOP);
  const size_t before = manager.Count("WATCHDOG=1");
  CHECK_FALSE(
      Eventually([&] { return manager.Count("WATCHDOG=1") > before + 1; }, milliseconds(600)));
  process->Kill(SIGCONT);
  CHECK(Stop() == 0);
}

TEST_CASE_METHOD(Service, "sockets that are handed over are used, by address or by name") {
  const std::string address = manager.Listen(GENERATE("listen_addr", "praefect.socket"));
  const std::string path = manager.Listen("socket_path", folder / "socket");
  StartAndWait("listen_addr = '" + address + "'\nsocket_path = '" + path + "'\n");
  CHECK(Stop() == 0);
  CHECK(std::filesystem::exists(path));
}

TEST_CASE_METHOD(Service, "a socket that no key wants is refused, with what to write") {
  const std::string address = manager.Listen("praefect.socket");
  Start(kAnyPort);
  CHECK(process->Wait() == 1);
  CHECK(Mentions(errors(), address));
  CHECK(Mentions(errors(), "FileDescriptorName=listen_addr"));
}

TEST_CASE_METHOD(Service, "a named socket on another address is refused, naming the key") {
  const std::string address = manager.Listen("listen_addr");
  Start("listen_addr = '127.0.0.1:1'");
  CHECK(process->Wait() == 1);
  CHECK(Mentions(errors(), "listen_addr \"127.0.0.1:1\""));
  CHECK(Mentions(errors(), address));
}

TEST_CASE_METHOD(Service, "the file of GITALY_PID_FILE holds the process while it runs") {
  pid_file = folder / "praefect.pid";
  StartAndWait(kAnyPort);
  CHECK(ReadFile(pid_file) == std::to_string(process->pid()));
  CHECK(Stop() == 0);
  CHECK_FALSE(std::filesystem::exists(pid_file));
}

TEST_CASE_METHOD(Service, "the file of GITALY_PID_FILE is left to a successor") {
  pid_file = folder / "praefect.pid";
  StartAndWait(kAnyPort);
  WriteFile(pid_file, "1");
  CHECK(Stop() == 0);
  CHECK(ReadFile(pid_file) == "1");
}

TEST_CASE_METHOD(Service, "a GITALY_PID_FILE that cannot be written is refused by name") {
  pid_file = folder / "missing" / "praefect.pid";
  Start(kAnyPort);
  CHECK(process->Wait() == 1);
  CHECK(Mentions(errors(), "GITALY_PID_FILE: cannot write \"" + pid_file + "\""));
}

}  // namespace praefect::test
