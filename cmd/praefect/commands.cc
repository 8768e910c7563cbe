#include "commands.h"

#include "accept_disk.h"
#include "configuration_show.h"
#include "configuration_validate.h"
#include "dial_nodes.h"
#include "give_up_deletes.h"
#include "metadata.h"
#include "serve.h"
#include "sql_migrate.h"
#include "sql_ping.h"
#include "status.h"

namespace praefect::cmd {
namespace {

constexpr const Command* kCommands[] = {
    &kServe,
    &kConfigurationShow,
    &kConfigurationValidate,
    &kStatus,
    &kMetadata,
    &kAcceptDisk,
    &kGiveUpDeletes,
    &kDialNodes,
    &kPingNodes,
    &kSqlPing,
    &kSqlMigrate,
    &kSqlMigrateDown,
    &kSqlMigrateStatus,
};

constexpr Flag kGlobalFlags[] = {
    {"config", "FILE", "",
     "Location of config.toml (default: the environment variable PRAEFECT_CONFIG)"},
    {"version", "", "", "Print the version and exit"},
    {"help", "", "", "Print this help and exit"},
};

}  // namespace

std::span<const Command* const> Commands() { return kCommands; }

const Command* FindCommand(std::string_view name) {
  for (const Command* command : kCommands) {
    if (command->name == name) return command;
  }
  return nullptr;
}

std::span<const Flag> GlobalFlags() { return kGlobalFlags; }

}  // namespace praefect::cmd
