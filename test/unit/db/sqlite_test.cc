// The file of the embedded store.

#include "db/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database_fixture.h"

namespace praefect::db {
namespace {

class Store {
 public:
  absl::Status Open() {
    auto opened = OpenSqlite({path()}, log);
    if (!opened.ok()) return opened.status();
    database = *std::move(opened);
    return absl::OkStatus();
  }
  void Close() { database.reset(); }
  Outcome Run(const char* sql) { return database->Wait({{{sql}}, Soon()}); }
  std::string path() const { return (directory / "praefect.db").string(); }
  mode_t Mode() const {
    struct stat status {};
    stat(path().c_str(), &status);
    return status.st_mode & 0777;
  }
  // As another program would.
  void Sqlite(const char* sql) const {
    sqlite3* handle = nullptr;
    REQUIRE(sqlite3_open(path().c_str(), &handle) == SQLITE_OK);
    CHECK(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(handle);
  }

  test::TemporaryDirectory directory;
  LogOfTest log;
  std::unique_ptr<Database> database;
};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST_CASE("a new store is private, flushes every commit, and keeps what was committed") {
  Store store;
  REQUIRE(store.Open().ok());
  CHECK(store.Mode() == 0600);
  REQUIRE(store.Run("CREATE TABLE t (i int)").ok());
  REQUIRE(store.Run("INSERT INTO t VALUES (7)").ok());
  CHECK(store.Run("PRAGMA synchronous").results[0].Text(0, 0) == "2");
  CHECK(store.Run("PRAGMA journal_mode").results[0].Text(0, 0) == "wal");
  store.Close();
  REQUIRE(store.Open().ok());
  CHECK(store.Run("SELECT i FROM t").results[0].Text(0, 0) == "7");
}

TEST_CASE("a store that others can read is made private, with a warning") {
  Store store;
  REQUIRE(store.Open().ok());
  store.Close();
  chmod(store.path().c_str(), 0644);
  REQUIRE(store.Open().ok());
  CHECK(store.Mode() == 0600);
  CHECK(store.log.Has("0600"));
}

TEST_CASE("a store in use is refused") {
  Store store;
  REQUIRE(store.Open().ok());
  LogOfTest log;
  const auto second = OpenSqlite({store.path()}, log);
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("a store in use by another process is refused, and the process is named") {
  Store store;
  REQUIRE(store.Open().ok());
  store.Close();
  test::Process other(
      {{"python3", "-c",
        "import sqlite3, sys, time\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA locking_mode = EXCLUSIVE'); c.execute('BEGIN EXCLUSIVE')\n"
        "print('locked', flush=True); time.sleep(100)",
        store.path()}});
  REQUIRE(other.ReadLine() == "locked");
  const absl::Status status =
      OpenSqlite({store.path(), 2, 1'000, std::chrono::milliseconds(300)}, store.log).status();
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK_THAT(Message(status), Catch::Contains("process " + std::to_string(other.pid())));
}

TEST_CASE("a damaged store is refused and not touched") {
  Store store;
  REQUIRE(store.Open().ok());
  REQUIRE(store.Run("CREATE TABLE t (i int, filler text)").ok());
  REQUIRE(store
              .Run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
                   "INSERT INTO t SELECT i, 'filler of some length' FROM n")
              .ok());
  store.Close();
  std::string content = test::ReadFile(store.path());
  content.replace(8192, 4096, std::string(4096, 'x'));
  test::WriteFile(store.path(), content);
  CHECK(store.Open().code() == absl::StatusCode::kDataLoss);
  CHECK(test::ReadFile(store.path()) == content);
}

TEST_CASE("a file that is no database is refused and not touched") {
  Store store;
  const std::string content(5000, 'x');
  test::WriteFile(store.path(), content);
  CHECK(store.Open().code() == absl::StatusCode::kDataLoss);
  CHECK(test::ReadFile(store.path()) == content);
}

TEST_CASE("another program's database is refused and not touched") {
  Store store;
  store.Sqlite("CREATE TABLE theirs (i int)");
  const std::string content = test::ReadFile(store.path());
  CHECK(store.Open().code() == absl::StatusCode::kDataLoss);
  CHECK(test::ReadFile(store.path()) == content);
}

TEST_CASE("a store in a folder that is not there is refused with its path") {
  Store store;
  LogOfTest log;
  const auto status = OpenSqlite({"/nonexistent/praefect.db"}, log).status();
  CHECK_THAT(Message(status), Catch::Contains("/nonexistent/praefect.db"));
}

TEST_CASE("a store that may not be written is refused and not touched") {
  Store store;
  REQUIRE(store.Open().ok());
  store.Close();
  const std::string content = test::ReadFile(store.path());
  chmod(store.directory.path().c_str(), 0755);
  chmod(store.path().c_str(), 0444);
  const bool root = geteuid() == 0;  // who may write everything
  if (root) REQUIRE(seteuid(65534) == 0);
  const absl::Status status = store.Open();
  if (root) REQUIRE(seteuid(0) == 0);
  CHECK(status.code() == absl::StatusCode::kPermissionDenied);
  CHECK(test::ReadFile(store.path()) == content);
}

TEST_CASE("a write that finds no room fails cleanly, and works again once there is") {
  Store store;
  REQUIRE(store.Open().ok());
  REQUIRE(store.Run("CREATE TABLE t (filler blob)").ok());
  REQUIRE(store.Run("PRAGMA max_page_count = 3").ok());
  const Outcome full = store.Run("INSERT INTO t VALUES (zeroblob(100000))");
  REQUIRE(full.error);
  CHECK(full.error->sqlstate == "53100");
  CHECK_FALSE(full.error->may_be_applied);
  REQUIRE(store.Run("PRAGMA max_page_count = 100000").ok());
  CHECK(store.Run("INSERT INTO t VALUES (zeroblob(100000))").ok());
  CHECK(store.Run("SELECT count(*) FROM t").results[0].Text(0, 0) == "1");
}

TEST_CASE("reads go on beside a write") {
  Store store;
  REQUIRE(store.Open().ok());
  REQUIRE(store.Run("CREATE TABLE t (i int)").ok());
  const Outcome outcome = store.database->WaitSteps(
      [&](OpenTransaction& open) -> std::optional<Error> {
        open.Execute({"INSERT INTO t VALUES (1)"});
        const Outcome read = store.database->Wait({{{"SELECT count(*) FROM t"}}, Soon(), true});
        CHECK(read.results.at(0).Text(0, 0) == "0");
        return std::nullopt;
      },
      Soon());
  CHECK(outcome.ok());
}

}  // namespace
}  // namespace praefect::db
