#pragma once

// Structured logging: a message and typed fields, as text (key=value) or JSON, one line each. Any
// bytes may stand in a value: control characters and invalid UTF-8 are escaped, never written raw.

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace praefect::observe {

enum class Level { kDebug, kInfo, kWarn, kError, kFatal };
enum class Format { kText, kJson };

// "debug", "info", "warn" or "warning", "error", "fatal"; nothing else.
std::optional<Level> ParseLevel(std::string_view name);
// "text" or "json"; nothing else.
std::optional<Format> ParseFormat(std::string_view name);

// What is longer is cut, and the line says how long it was.
inline constexpr size_t kMaxMessageBytes = 16 << 10;
inline constexpr size_t kMaxValueBytes = 4 << 10;

struct Field {
  std::string_view key;  // from our own code: lower-case ASCII, '.' and '_'; written as it is
  std::variant<std::string_view, int64_t, uint64_t, double, bool> value;
};

// What did not reach the reader of the log, since the start.
struct LogLosses {
  uint64_t lost_lines = 0;    // dropped: the buffer was full, or writing failed
  uint64_t write_errors = 0;  // failed write calls: disk full, pipe closed, reader stalled
  bool operator==(const LogLosses&) const = default;
};

// Thread-safe, and never waits for the reader of the log: lines are built on the caller's thread
// and written by a thread of the logger. Lines appear whole and in order; they are handed to that
// thread at once, those of WriteWithOthers at the latest 100 ms later, and everything when the
// logger is destroyed. A fatal line waits until it is written, a second at most. When the reader
// stalls or writing fails, lines are dropped and counted, and a line says so once writing works
// again.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual LogLosses losses() const { return {}; }
  virtual bool Enabled(Level level) const = 0;
  virtual void SetLevel(Level) {}
  // Opens the file of OpenLogger again, by its name: for who rotates it. When that fails the old
  // one stays in use. Nothing to do for a descriptor.
  virtual absl::Status Reopen() { return absl::OkStatus(); }
  virtual void Write(Level level, std::string_view message, std::span<const Field> fields) = 0;
  // For lines that come in thousands a second. A warning or worse does not wait here either.
  virtual void WriteWithOthers(Level level, std::string_view message,
                               std::span<const Field> fields) {
    Write(level, message, fields);
  }

  void Log(Level level, std::string_view message, std::initializer_list<Field> fields = {}) {
    if (Enabled(level)) Write(level, message, {fields.begin(), fields.size()});
  }
  void Debug(std::string_view m, std::initializer_list<Field> f = {}) { Log(Level::kDebug, m, f); }
  void Info(std::string_view m, std::initializer_list<Field> f = {}) { Log(Level::kInfo, m, f); }
  void Warn(std::string_view m, std::initializer_list<Field> f = {}) { Log(Level::kWarn, m, f); }
  void Error(std::string_view m, std::initializer_list<Field> f = {}) { Log(Level::kError, m, f); }
};

struct LoggerOptions {
  Format format = Format::kText;
  Level level = Level::kInfo;
  int fd = STDOUT_FILENO;  // borrowed; must stay open as long as the logger lives
  std::function<std::chrono::system_clock::time_point()> clock = std::chrono::system_clock::now;
};

std::unique_ptr<Logger> MakeLogger(LoggerOptions options);
// Appends to the file `path`, made with mode 0640 if it is not there; LoggerOptions::fd is not
// used. Fails naming the file.
absl::StatusOr<std::unique_ptr<Logger>> OpenLogger(LoggerOptions options, const std::string& path);

}  // namespace praefect::observe
