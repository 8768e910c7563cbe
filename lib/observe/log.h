#pragma once

// Structured logging: a message and typed fields, as text (key=value) or JSON, one line each. Any
// bytes may stand in a value: control characters and invalid UTF-8 are escaped, never written raw.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace praefect::observe {

enum class Level { kDebug, kInfo, kWarn, kError, kFatal };
enum class Format { kText, kJson };

struct Field {
  std::string_view key;
  std::variant<std::string_view, int64_t, uint64_t, double, bool> value;
};

// Thread-safe. Lines appear whole and in order; warnings and worse are on their way to the kernel
// when the call returns, others at the latest a second later.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual bool Enabled(Level level) const = 0;
  virtual void Write(Level level, std::string_view message, std::span<const Field> fields) = 0;

  void Log(Level level, std::string_view message, std::initializer_list<Field> fields = {}) {
    if (Enabled(level)) Write(level, message, {fields.begin(), fields.size()});
  }
  void Debug(std::string_view m, std::initializer_list<Field> f = {}) { Log(Level::kDebug, m, f); }
  void Info(std::string_view m, std::initializer_list<Field> f = {}) { Log(Level::kInfo, m, f); }
  void Warn(std::string_view m, std::initializer_list<Field> f = {}) { Log(Level::kWarn, m, f); }
  void Error(std::string_view m, std::initializer_list<Field> f = {}) { Log(Level::kError, m, f); }
};

// Writes to standard output.
std::unique_ptr<Logger> MakeLogger(Format format, Level level);

}  // namespace praefect::observe
