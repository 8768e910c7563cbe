#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "arguments.h"
#include "help.h"

namespace praefect::cmd {
namespace {

// Carries out what the command line asks for.
struct Execute {
  ExitCode operator()(const RunCommand& request) const {
    if (!request.config_path.empty()) return request.command->run(request.config_path);
    fmt::print(stderr,
               "Required flag \"config\" not set\n"
               "praefect: configuration error: the config flag must be passed "
               "(-config FILE, or the environment variable PRAEFECT_CONFIG)\n");
    return kWrongUsage;
  }

  ExitCode operator()(const ShowHelp& request) const {
    fmt::print("{}", request.command ? CommandHelp(*request.command) : GeneralHelp());
    return kDone;
  }

  ExitCode operator()(const ShowVersion&) const {
    fmt::print("Praefect, version {}\n", PRAEFECT_VERSION);
    return kDone;
  }

  ExitCode operator()(const WrongUsage& request) const {
    fmt::print(stderr, "{}\n", request.message);
    return kWrongUsage;
  }
};

}  // namespace
}  // namespace praefect::cmd

int main(int argc, char** argv) {
  using namespace praefect::cmd;
  return std::visit(Execute(), ParseArguments({argv + 1, argv + argc}));
}
