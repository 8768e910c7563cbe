#pragma once

// What git asks its ssh to do.

#include <absl/status/statusor.h>

#include <string>
#include <vector>

namespace praefect::git_ssh {

enum class Service { kUploadPack, kReceivePack, kUploadArchive };

struct CommandLine {
  bool probe = false;  // "-G": git asks whether we are OpenSSH
  Service service = Service::kUploadPack;
  std::string relative_path;
};

// `arguments` without the program's name: [options] HOST "git-upload-pack 'PATH'". Leading slashes
// of the path go, so that ssh://host/group/project.git works as well.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

}  // namespace praefect::git_ssh
