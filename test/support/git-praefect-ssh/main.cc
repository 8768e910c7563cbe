// git-praefect-ssh: a GIT_SSH_COMMAND helper for demonstrations and tests. Git runs it in place of
// ssh; it carries git's protocol over Gitaly's SSHService to a Praefect or a Gitaly. It is a
// stand-in for GitLab Shell and is never installed.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "carrier.h"
#include "command_line.h"

namespace praefect::git_ssh {
namespace {

constexpr char kHelp[] =
    "git-praefect-ssh: carries stock git over Gitaly's SSHService. A stand-in for demonstrations "
    "and\n"
    "tests, not for production; never installed.\n"
    "\n"
    "Git runs it in place of ssh: git-praefect-ssh [ssh options] HOST \"git-upload-pack 'PATH'\"\n"
    "HOST is ignored, PATH is the relative path of the repository.\n"
    "\n"
    "Environment:\n"
    "  PRAEFECT_ADDRESS  tcp://HOST:PORT, tls://HOST:PORT or unix:PATH\n"
    "  PRAEFECT_TOKEN    the token of Praefect; nothing when it asks for none\n"
    "  PRAEFECT_STORAGE  the (virtual) storage of the repository\n"
    "\n"
    "Example:\n"
    "  export GIT_SSH_COMMAND=git-praefect-ssh GIT_SSH_VARIANT=ssh\n"
    "  export PRAEFECT_ADDRESS=tcp://127.0.0.1:2305 PRAEFECT_TOKEN=secret "
    "PRAEFECT_STORAGE=default\n"
    "  git clone praefect:group/project.git\n";

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value != nullptr ? value : "";
}

int Complain(const absl::Status& status) {
  const std::string message(status.message());
  fprintf(stderr, "git-praefect-ssh: %s\n", message.c_str());
  return 255;  // as ssh does for errors of its own
}

int Run(int argc, char** argv) {
  const absl::StatusOr<CommandLine> command = ParseCommandLine({argv + 1, argv + argc});
  if (!command.ok()) return Complain(command.status());
  if (command->probe) return 0;  // "ssh -G": OpenSSH answers, so may we
  Destination destination{Variable("PRAEFECT_ADDRESS"), Variable("PRAEFECT_TOKEN"),
                          Variable("PRAEFECT_STORAGE"), Variable("GIT_PROTOCOL")};
  if (destination.address.empty() || destination.storage.empty()) {
    return Complain(absl::InvalidArgumentError("set PRAEFECT_ADDRESS and PRAEFECT_STORAGE"));
  }
  const absl::StatusOr<int> exit_status = CarryGit(*command, destination);
  return exit_status.ok() ? *exit_status : Complain(exit_status.status());
}

}  // namespace
}  // namespace praefect::git_ssh

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
    fputs(praefect::git_ssh::kHelp, stdout);
    return 0;
  }
  const int exit_status = praefect::git_ssh::Run(argc, argv);
  // A thread may still wait for standard input, which nothing can interrupt.
  fflush(nullptr);
  _exit(exit_status);
}
