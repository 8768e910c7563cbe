#include "observe/log.h"

#include <atomic>
#include <utility>

#include "observe/line.h"
#include "observe/line_writer.h"

namespace praefect::observe {
namespace {

class LineLogger final : public Logger {
 public:
  explicit LineLogger(LoggerOptions options)
      : options_(std::move(options)), pid_(getpid()), writer_(options_.fd) {}

  ~LineLogger() override { ReportLosses(); }

  bool Enabled(Level level) const override { return level >= options_.level; }

  void Write(Level level, std::string_view message, std::span<const Field> fields) override {
    ReportLosses();
    if (!Append(level, message, fields)) {
      ++refused_lines_;
    } else if (level == Level::kFatal) {
      writer_.Flush();
    }
  }

  LogLosses losses() const override {
    LogLosses losses = writer_.losses();
    losses.lost_lines += refused_lines_;
    return losses;
  }

 private:
  bool Append(Level level, std::string_view message, std::span<const Field> fields) {
    // One for each thread, and never given back: a line costs no allocation.
    thread_local std::string line;
    line.clear();
    const LineHead head{options_.clock(), level, pid_};
    if (options_.format == Format::kJson) {
      AppendJsonLine(line, head, message, fields);
    } else {
      AppendTextLine(line, head, message, fields);
    }
    return writer_.Append(line, level >= Level::kWarn);
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
    if (!Append(Level::kWarn, "log lines were lost", fields)) reported_lines_ = reported;
  }

  const LoggerOptions options_;
  const pid_t pid_;
  std::atomic<uint64_t> refused_lines_{0};   // the writer's buffer was full
  std::atomic<uint64_t> reported_lines_{0};  // of those lost, how many a line has told of
  LineWriter writer_;
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

std::unique_ptr<Logger> MakeLogger(Format format, Level level) {
  return MakeLogger(LoggerOptions{.format = format, .level = level});
}

}  // namespace praefect::observe
