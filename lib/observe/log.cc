#include "observe/log.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "observe/line.h"
#include "observe/line_writer.h"

namespace praefect::observe {
namespace {

// A FIFO that nobody reads is an error (O_NONBLOCK), not a start that hangs.
absl::StatusOr<int> OpenForAppending(const std::string& path) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  constexpr mode_t kMode = 0640;
  const int fd = open(path.c_str(), kFlags, kMode);
  if (fd >= 0) return fd;
  return absl::ErrnoToStatus(errno, absl::StrCat("open the log file \"", path, "\""));
}

class LineLogger : public Logger {
 public:
  explicit LineLogger(LoggerOptions options)
      : options_(std::move(options)),
        pid_(getpid()),
        level_(options_.level),
        writer_(options_.fd) {}

  ~LineLogger() override { ReportLosses(); }

  bool Enabled(Level level) const override {
    return level >= level_.load(std::memory_order_relaxed);
  }
  void SetLevel(Level level) override { level_.store(level, std::memory_order_relaxed); }

  void Write(Level level, std::string_view message, std::span<const Field> fields) override {
    ReportLosses();
    if (!Append(level, message, fields, /*now=*/true)) {
      ++refused_lines_;
    } else if (level == Level::kFatal) {
      writer_.Flush();
    }
  }
  void WriteWithOthers(Level level, std::string_view message,
                       std::span<const Field> fields) override {
    if (level >= Level::kWarn) return Write(level, message, fields);
    ReportLosses();
    if (!Append(level, message, fields, /*now=*/false)) ++refused_lines_;
  }

  LogLosses losses() const override {
    LogLosses losses = writer_.losses();
    losses.lost_lines += refused_lines_;
    return losses;
  }

 protected:
  bool Redirect(int fd) { return writer_.Redirect(fd); }

 private:
  bool Append(Level level, std::string_view message, std::span<const Field> fields, bool now) {
    // One for each thread, and never given back: a line costs no allocation.
    thread_local std::string line;
    line.clear();
    const LineHead head{options_.clock(), level, pid_};
    if (options_.format == Format::kJson) {
      AppendJsonLine(line, head, message, fields);
    } else {
      AppendTextLine(line, head, message, fields);
    }
    return writer_.Append(line, now);
  }

  // Whoever comes first after a loss says so in front of his own line.
  void ReportLosses() {
    if (writer_.failing()) return;
    const LogLosses losses = this->losses();
    uint64_t reported = reported_lines_.load(std::memory_order_relaxed);
    if (losses.lost_lines == reported) return;
    if (!reported_lines_.compare_exchange_strong(reported, losses.lost_lines)) return;
    const Field fields[] = {{"lost_lines", losses.lost_lines - reported},
                            {"write_errors", losses.write_errors}};
    if (!Append(Level::kWarn, "log lines were lost", fields, /*now=*/true))
      reported_lines_ = reported;
  }

  const LoggerOptions options_;
  const pid_t pid_;
  std::atomic<Level> level_;
  std::atomic<uint64_t> refused_lines_{0};   // the writer's buffer was full
  std::atomic<uint64_t> reported_lines_{0};  // of those lost, how many a line has told of
  LineWriter writer_;
};

// Outlives the logger that writes to it.
class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd() { close(fd_); }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;

 protected:
  int fd_;
};

class FileLogger final : private OwnedFd, public LineLogger {
 public:
  FileLogger(LoggerOptions options, std::string path)
      : OwnedFd(options.fd), LineLogger(std::move(options)), path_(std::move(path)) {}

  absl::Status Reopen() override {
    const absl::StatusOr<int> opened = OpenForAppending(path_);
    if (!opened.ok()) return opened.status();
    if (!Redirect(*opened)) {
      close(*opened);
      return absl::DeadlineExceededError(
          absl::StrCat("reopen the log file \"", path_, "\": writing to the old one does not end"));
    }
    close(std::exchange(fd_, *opened));
    return absl::OkStatus();
  }

 private:
  const std::string path_;
};

}  // namespace

std::optional<Level> ParseLevel(std::string_view name) {
  if (name == "debug") return Level::kDebug;
  if (name == "info") return Level::kInfo;
  if (name == "warn" || name == "warning") return Level::kWarn;
  if (name == "error") return Level::kError;
  if (name == "fatal") return Level::kFatal;
  return std::nullopt;
}

std::optional<Format> ParseFormat(std::string_view name) {
  if (name == "text") return Format::kText;
  if (name == "json") return Format::kJson;
  return std::nullopt;
}

std::unique_ptr<Logger> MakeLogger(LoggerOptions options) {
  return std::make_unique<LineLogger>(std::move(options));
}

absl::StatusOr<std::unique_ptr<Logger>> OpenLogger(LoggerOptions options, const std::string& path) {
  const absl::StatusOr<int> opened = OpenForAppending(path);
  if (!opened.ok()) return opened.status();
  options.fd = *opened;
  return std::make_unique<FileLogger>(std::move(options), path);
}

}  // namespace praefect::observe
