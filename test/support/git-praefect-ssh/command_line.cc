#include "command_line.h"

#include <map>
#include <string_view>

namespace praefect::git_ssh {
namespace {

// The letters of ssh's options that take an argument.
constexpr std::string_view kWithArgument = "BbcDEeFIiJLlmOoPpQRSWw";

// Undoes the quoting of git: 'it'\''s' and '\!' for exclamation marks.
absl::StatusOr<std::string> Unquote(std::string_view quoted) {
  std::string text;
  bool inside = false;
  for (size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] == '\'') {
      inside = !inside;
    } else if (quoted[i] == '\\' && !inside && i + 1 < quoted.size()) {
      text += quoted[++i];
    } else {
      text += quoted[i];
    }
  }
  if (inside) return absl::InvalidArgumentError("unbalanced quotes in the command");
  return text;
}

absl::Status ParseCommand(std::string_view text, CommandLine* command) {
  static const std::map<std::string_view, Service> kServices = {
      {"git-upload-pack", Service::kUploadPack},
      {"git-receive-pack", Service::kReceivePack},
      {"git-upload-archive", Service::kUploadArchive},
  };
  const size_t space = text.find(' ');
  const auto service = kServices.find(text.substr(0, space));
  if (service == kServices.end() || space == std::string_view::npos) {
    return absl::InvalidArgumentError(
        "only git-upload-pack, git-receive-pack and git-upload-archive can be run, not \"" +
        std::string(text) + "\"");
  }
  const absl::StatusOr<std::string> path = Unquote(text.substr(space + 1));
  if (!path.ok()) return path.status();
  const size_t start = path->find_first_not_of('/');
  if (start == std::string::npos) return absl::InvalidArgumentError("the path is empty");
  command->service = service->second;
  command->relative_path = path->substr(start);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine command;
  size_t next = 0;
  for (; next < arguments.size() && arguments[next].size() > 1 && arguments[next][0] == '-';
       ++next) {
    const std::string& option = arguments[next];
    if (option == "--") {
      ++next;
      break;
    }
    if (option == "-G") command.probe = true;
    if (option.size() == 2 && kWithArgument.find(option[1]) != std::string_view::npos) ++next;
  }
  if (command.probe) return command;
  if (next + 2 > arguments.size()) {
    return absl::InvalidArgumentError("git runs this program in place of ssh; try --help");
  }
  std::string text = arguments[next + 1];
  for (size_t i = next + 2; i < arguments.size(); ++i) text += " " + arguments[i];
  const absl::Status parsed = ParseCommand(text, &command);
  if (!parsed.ok()) return parsed;
  return command;
}

}  // namespace praefect::git_ssh
