#include "commands.h"

#include "serve.h"

namespace praefect::cmd {
namespace {

constexpr Command kCommands[] = {
    {"serve", "Run the proxy; also when no command is given",
     "Reads the configuration, opens the listeners and relays calls to the Gitaly\n"
     "nodes until it is told to stop. It logs on standard output.\n"
     "\n"
     "TERM or INT stops it: no new calls are taken, running ones may end within\n"
     "graceful_stop_timeout. A second TERM or INT ends them at once.\n"
     "\n"
     "Exit status: 0 after a stop, 1 when it cannot start (an address is in use, for\n"
     "instance), 78 when the configuration is broken and a restart would not help.",
     "praefect -config /etc/praefect/config.toml serve", &Serve},
};

}  // namespace

std::span<const Command> Commands() { return kCommands; }

const Command* FindCommand(std::string_view name) {
  for (const Command& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

}  // namespace praefect::cmd
