#include "config/load.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include <cstdlib>
#include <variant>

#include "config/database_rules.h"
#include "config/decode.h"
#include "config/document.h"
#include "config/read_file.h"
#include "config/validate.h"

namespace praefect::config {
namespace {

LoadResult NotLoaded(Problem problem) {
  LoadResult result;
  result.headline = fmt::format("error reading config file: {}", problem.message);
  result.errors.push_back(std::move(problem));
  return result;
}

LoadResult Unparsable(const SyntaxError& error, const std::string& path) {
  const std::string where = error.column > 0 ? fmt::format("column {}", error.column) : "";
  const std::string message = fmt::format("toml: {}", error.message);
  return NotLoaded({path, error.line, "", message, where,
                    fmt::format("line {} column {}: {}", error.line, error.column, message)});
}

LoadResult Unreadable(const absl::Status& status, const std::string& path) {
  const auto message = status.message();
  LoadResult result = NotLoaded({path, 0, "", std::string(message.data(), message.size()),
                                 "check the path given as -config and its permissions"});
  result.unreadable = !absl::IsOutOfRange(status) && !absl::IsFailedPrecondition(status);
  return result;
}

// Upstream reads the whole file, types included, before it checks any rule.
std::string Headline(const Problem& first) {
  const bool unread = first.message.compare(0, 5, "toml:") == 0;
  return fmt::format("{}: {}", unread ? "error reading config file" : "validating config",
                     first.message);
}

// Than in what describes databases.
bool IsElsewhere(const Problem& problem) {
  const auto section = problem.key.substr(0, problem.key.find('.'));
  return section != "database" && section != "embedded_store";
}

}  // namespace

LoadResult Load(const std::string& path, Scope scope) {
  const auto contents = ReadFile(path, kMaxDocumentBytes);
  return contents.ok() ? LoadText(contents->text, path, scope)
                       : Unreadable(contents.status(), path);
}

LoadResult LoadDescriptor(int descriptor, const std::string& path) {
  const auto text = ReadDescriptor(descriptor, path, kMaxDocumentBytes);
  return text.ok() ? LoadText(*text, path) : Unreadable(text.status(), path);
}

LoadResult LoadText(std::string_view text, const std::string& path, Scope scope) {
  const auto document = ParseDocument(text);
  if (const auto* error = std::get_if<SyntaxError>(&document)) return Unparsable(*error, path);
  Findings findings(path);
  Config config = Decode(std::get<Table>(document), findings);
  config.path = path;
  const char* state_directory = std::getenv("STATE_DIRECTORY");
  config.embedded_store.path =
      EmbeddedStorePath(config.embedded_store.path, path, state_directory ? state_directory : "");
  Validate(config, findings);
  findings.Finish();
  LoadResult result{{},
                    "",
                    findings.errors(),
                    findings.warnings(),
                    false,
                    {findings.lines(), state_directory != nullptr}};
  if (scope == Scope::kDatabase) {
    std::erase_if(result.errors, IsElsewhere);
    std::erase_if(result.warnings, IsElsewhere);
  }
  if (result.errors.empty()) {
    result.config = std::move(config);
  } else {
    result.headline = Headline(result.errors.front());
  }
  return result;
}

}  // namespace praefect::config
