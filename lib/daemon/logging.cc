#include "daemon/logging.h"

#include <fmt/format.h>

namespace praefect::daemon {

observe::Level LevelOf(const config::Logging& logging) {
  return observe::ParseLevel(logging.level).value_or(observe::Level::kInfo);
}

absl::StatusOr<std::unique_ptr<observe::Logger>> MakeLoggerFor(const config::Logging& logging) {
  const observe::LoggerOptions options{
      .format = observe::ParseFormat(logging.format).value_or(observe::Format::kText),
      .level = LevelOf(logging)};
  if (logging.file.empty()) return observe::MakeLogger(options);
  auto logger = observe::OpenLogger(options, logging.file);
  if (logger.ok()) return logger;
  const auto message = logger.status().message();
  return absl::Status(
      logger.status().code(),
      fmt::format("logging.file: cannot {}", std::string_view(message.data(), message.size())));
}

void LogProblems(observe::Logger& logger, observe::Level level,
                 const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    logger.Log(level, problem.message,
               {{"file", problem.file},
                {"line", int64_t{problem.line}},
                {"key", problem.key},
                {"suggestion", problem.suggestion}});
  }
}

}  // namespace praefect::daemon
