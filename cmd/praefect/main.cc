#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <variant>

#include "arguments.h"
#include "help.h"
#include "output.h"

namespace praefect::cmd {
namespace {

// Carries out what the command line asks for.
struct Execute {
  ExitCode operator()(const RunCommand& request) const {
    return request.command->run(request.invocation);
  }

  ExitCode operator()(const ShowHelp& request) const {
    Print(request.command ? CommandHelp(*request.command) : GeneralHelp());
    return kDone;
  }

  ExitCode operator()(const ShowVersion&) const {
    Print(fmt::format("Praefect, version {}\n", PRAEFECT_VERSION));
    return kDone;
  }

  ExitCode operator()(const WrongUsage& request) const {
    PrintError(request.message);
    return kWrongUsage;
  }
};

// What a full disk swallowed was not done.
ExitCode AfterFlush(ExitCode code) {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return code;
  PrintError(fmt::format("praefect: write standard output: {}", std::strerror(errno)));
  return kFailed;
}

}  // namespace
}  // namespace praefect::cmd

int main(int argc, char** argv) {
  using namespace praefect::cmd;
  signal(SIGINT, [](int) { _exit(kInterrupted); });  // `serve` takes it over
  return AfterFlush(std::visit(Execute(), ParseArguments({argv + 1, argv + argc})));
}
