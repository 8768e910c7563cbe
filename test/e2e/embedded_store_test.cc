// Praefect without [database]: the books are in a file of its own.

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

constexpr int kFailed = 1;
constexpr char kNode[] =
    "[[virtual_storage]]\nname = 'default'\n[[virtual_storage.node]]\nstorage = 'gitaly-1'\n"
    "address = 'tcp://127.0.0.1:1'\n";

class EmbeddedStore {
 public:
  EmbeddedStore() { fs::create_directory(folder_ / "tmp"); }

  std::string Config() const {
    return fmt::format(
               "listen_addr = '127.0.0.1:0'\n[logging]\nformat = 'json'\n[embedded_store]\npath = "
               "'{}'\n",
               path.string()) +
           kNode;
  }
  void Serves() {
    PraefectDaemon praefect(folder_ / "praefect", Config());
    praefect.WaitUntilListening();
    log_ = praefect.Log();
    praefect.Signal(SIGTERM);
    CHECK(praefect.WaitExit() == 0);
  }
  // What a Praefect prints that does not start with it.
  std::string Refusal() const {
    PraefectDaemon praefect(folder_ / "praefect", Config());
    CHECK(praefect.WaitExit() == kFailed);
    return praefect.output();
  }
  bool Logged(const std::string& message) const {
    return std::any_of(log_.begin(), log_.end(), [&](const nlohmann::json& line) {
      return line.value("msg", "") == message && line.value("path", "") == path.string();
    });
  }
  unsigned Mode() const {
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777U;
  }

 private:
  const TemporaryDirectory folder_;
  std::vector<nlohmann::json> log_;

 public:
  fs::path path = folder_ / "books.db";
};

TEST_CASE_METHOD(EmbeddedStore, "the store is made, is private, is named, and serves again") {
  Serves();
  CHECK(Mode() == 0600);
  CHECK(
      Logged("no [database] is configured: the books are in the embedded store, and no other "
             "Praefect may serve these nodes"));
  Serves();
}

TEST_CASE_METHOD(EmbeddedStore, "who keeps the books in the store registers, and ends with them") {
  PraefectDaemon praefect(path.parent_path() / "praefect", Config());
  praefect.WaitLog("registered in the books: writes are possible");
  praefect.Signal(SIGTERM);
  CHECK(praefect.WaitExit() == 0);
  Serves();
}

TEST_CASE_METHOD(EmbeddedStore, "a store that others may read is made private, with a warning") {
  Serves();
  fs::permissions(path, fs::perms::group_read | fs::perms::others_read, fs::perm_options::add);
  Serves();
  CHECK(Mode() == 0600);
  CHECK(Logged("the embedded store could be used by others: its mode is 0600 now"));
}

TEST_CASE_METHOD(EmbeddedStore,
                 "a store that another Praefect has is refused, naming the process") {
  Cluster cluster;
  path = cluster.Scratch("praefect") / "praefect.db";
  CHECK_THAT(Refusal(),
             Catch::Contains(path.string()) &&
                 Catch::Contains(fmt::format("process {} (praefect)", cluster.praefect().pid())));
  CHECK(cluster.CreateWithCommit("a.git").Try({"fetch"}).exit_status == 0);
}

TEST_CASE_METHOD(EmbeddedStore, "a damaged store is refused and left as it is") {
  Serves();
  fs::resize_file(path, 4096);
  const std::string damaged = ReadFile(path);
  CHECK_THAT(Refusal(), Catch::Contains(path.string()) && Catch::Contains("damaged"));
  CHECK(ReadFile(path) == damaged);
}

TEST_CASE_METHOD(EmbeddedStore, "a file that is no store is refused and left as it is") {
  WriteFile(path, "precious");
  CHECK_THAT(Refusal(), Catch::Contains(path.string()) && Catch::Contains("no database"));
  CHECK(ReadFile(path) == "precious");
}

TEST_CASE_METHOD(EmbeddedStore, "a store of a newer Praefect that we would break is refused") {
  Serves();
  Run({{"python3", "-c",
        "import sqlite3, sys\nstore = sqlite3.connect(sys.argv[1])\n"
        "store.execute(\"INSERT INTO schema_minimum_readers VALUES ('29990101000000_x')\")\n"
        "store.commit()",
        path},
       {},
       {},
       {},
       {}});
  CHECK_THAT(Refusal(), Catch::Contains(path.string()) && Catch::Contains("29990101000000_x") &&
                            Catch::Contains("upgrade this Praefect"));
}

TEST_CASE_METHOD(EmbeddedStore, "a store that cannot be made is refused, with key and cause") {
  path = "/nonexistent/praefect.db";
  CHECK_THAT(Refusal(), Catch::Contains("/nonexistent/praefect.db: No such file or directory") &&
                            Catch::Contains("embedded_store.path"));
}

TEST_CASE_METHOD(EmbeddedStore, "a store on a file system without writes is refused") {
  Serves();
  const fs::path folder = path.parent_path();
  WriteFile(folder / "config.toml", Config());
  const std::string mounted =
      "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && exec \"$0\" -config "
      "config.toml";
  const Outcome refused =
      Run({{"unshare", "-m", "sh", "-c", mounted, PRAEFECT_PROGRAM}, {}, folder, {}, {}});
  CHECK(refused.exit_status == kFailed);
  CHECK_THAT(refused.error, Catch::Contains(path.string() + ": Read-only file system"));
}

}  // namespace
}  // namespace praefect::test
