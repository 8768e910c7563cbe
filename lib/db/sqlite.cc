#include "db/sqlite.h"

#include <fmt/format.h>

#include <utility>

#include "db/sqlite_connection.h"
#include "db/sqlite_file.h"

namespace praefect::db {
namespace {

constexpr std::chrono::hours kNeverRests{24};  // its connections have nothing to let go of

constexpr char kApplicationId[] = "1349673318";  // "Praf", in the file's header

absl::Status Refused(const SqliteOptions& options, const Error& error) {
  if (error.sqlstate == "XX001") {
    return absl::DataLossError(fmt::format(
        "{}: {} is damaged or no database; nothing was changed: restore it or move it away",
        error.message, options.path));
  }
  if (error.sqlstate == "55P03") {
    return absl::FailedPreconditionError(fmt::format("{}: {} uses {}; stop it first", error.message,
                                                     HolderOf(options.path), options.path));
  }
  return absl::UnavailableError(fmt::format("{} ({})", error.message, options.path));
}

// What is asked of a file before anything in it changes.
class Inspection {
 public:
  Inspection(const SqliteOptions& options, SqliteConnection& connection)
      : options_(options), connection_(connection), deadline_(After(options.open_timeout)) {}

  absl::Status Run() {
    if (auto error = connection_.Open(options_.path)) return Refused(options_, *error);
    if (auto status = Check(); !status.ok()) return status;
    connection_.Accept();
    for (const char* pragma :
         {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
          "PRAGMA journal_size_limit = 67108864"}) {
      if (auto status = Ask(pragma); !status.ok()) return status;
    }
    return fresh_ ? Ask(fmt::format("PRAGMA application_id = {}", kApplicationId))
                  : absl::OkStatus();
  }

 private:
  absl::Status Check() {
    if (auto status = Ask("PRAGMA application_id"); !status.ok()) return status;
    fresh_ = answer_ != kApplicationId;
    if (auto status = Ask("SELECT count(*) FROM sqlite_schema"); !status.ok()) return status;
    if (fresh_ && answer_ != "0") {
      return absl::DataLossError(
          fmt::format("open the embedded store {}: it is another program's database; nothing was "
                      "changed: name another file as embedded_store.path",
                      options_.path));
    }
    if (auto status = Ask("PRAGMA quick_check(1)"); !status.ok()) return status;
    if (answer_ == "ok") return absl::OkStatus();
    return absl::DataLossError(
        fmt::format("open the embedded store {}: it is damaged ({}); nothing was changed: restore "
                    "it or move it away",
                    options_.path, answer_));
  }

  absl::Status Ask(const std::string& text) {
    const auto error = connection_.Ask(text, deadline_, answer_);
    return error ? Refused(options_, *error) : absl::OkStatus();
  }

  const SqliteOptions& options_;
  SqliteConnection& connection_;
  const Deadline deadline_;
  std::string answer_;
  bool fresh_ = false;  // nothing of ours is in it yet
};

class SqliteDatabase final : public Database {
 public:
  static absl::StatusOr<std::unique_ptr<Database>> Open(const SqliteOptions& options,
                                                        SqliteFile file) {
    auto database = std::unique_ptr<SqliteDatabase>(new SqliteDatabase(std::move(file)));
    auto status = database->Start(options);
    if (!status.ok()) return status;
    return database;
  }

  Engine engine() const override { return Engine::kSqlite; }
  void Run(Transaction transaction, Done done) override {
    Pool& pool = transaction.read_only ? *readers_ : *writer_;
    pool.Run(std::move(transaction), std::move(done));
  }
  void RunSteps(Steps steps, Patience patience, Done done) override {
    writer_->RunSteps(std::move(steps), patience, std::move(done));
  }

 private:
  using Connections = std::vector<std::unique_ptr<Connection>>;

  explicit SqliteDatabase(SqliteFile file) : file_(std::move(file)) {}

  absl::Status Start(const SqliteOptions& options) {
    auto writing = std::make_unique<SqliteConnection>(SqliteConnection::Use::kWrite, counters_);
    if (auto status = Inspection(options, *writing).Run(); !status.ok()) return status;
    Connections writers, readers;
    writers.push_back(std::move(writing));
    for (size_t i = 0; i < options.readers; ++i) {
      auto reading = std::make_unique<SqliteConnection>(SqliteConnection::Use::kRead, counters_);
      std::string answer;
      auto error = reading->Open(options.path);
      if (!error)
        error = reading->Ask("PRAGMA query_only = ON", After(options.open_timeout), answer);
      if (error) return Refused(options, *error);
      readers.push_back(std::move(reading));
    }
    writer_ =
        std::make_unique<Pool>(std::move(writers), options.max_waiting, kNeverRests, counters_);
    readers_ =
        std::make_unique<Pool>(std::move(readers), options.max_waiting, kNeverRests, counters_);
    return absl::OkStatus();
  }

  const SqliteFile file_;         // first: unlocked when nobody uses it any more
  std::unique_ptr<Pool> writer_;  // closed after the readers, and folds the log into the file
  std::unique_ptr<Pool> readers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> OpenSqlite(SqliteOptions options,
                                                     observe::Logger& logger) {
  auto file = SqliteFile::Lock(options.path, logger);
  if (!file.ok()) return file.status();
  return SqliteDatabase::Open(options, *std::move(file));
}

}  // namespace praefect::db
