#include "give_up_deletes.h"

#include <fmt/format.h>

#include <string>

#include "output.h"
#include "storage_decision.h"

namespace praefect::cmd {
namespace {

using api::GiveUpDeletesRequest;
using api::GiveUpDeletesResponse;

std::string Report(const GiveUpDeletesRequest& request, const GiveUpDeletesResponse& told) {
  const std::string name =
      Printable(fmt::format("\"{}\" of \"{}\"", request.storage(), request.virtual_storage()));
  if (told.applied()) return fmt::format("Deletes for storage {} are given up.\n", name);
  std::string text = fmt::format(
      "{} for storage {}, which is not configured:\n",
      told.deletes() == 1 ? "1 delete waits" : fmt::format("{} deletes wait", told.deletes()),
      name);
  for (const std::string& path : told.first()) {
    text += fmt::format("  {}\n", Printable(path));
  }
  const int64_t more = told.deletes() - told.first_size();
  if (more > 0) text += fmt::format("  and {} more\n", more);
  return text +
         "\nGiving them up leaves what lies there as it is. Nothing that is made later gets\n"
         "one of these places, and nobody sees what lies in them, even if the storage comes\n"
         "back.\n"
         "\n"
         "NOTHING IS CHANGED YET. If the storage will not come back, add -apply\n";
}

ExitCode GiveUpDeletes(const Invocation& invocation) {
  return Decide(invocation, "give up deletes", GiveUpDeletesRequest(),
                &service::Client::GiveUpDeletes, &Report);
}

constexpr Flag kFlags[] = {
    {"virtual-storage", "NAME", "", "The storage's virtual storage", true},
    {"storage", "NAME", "", "The storage that left the configuration", true},
    {"apply", "", "", "Do it; without this it is only told what would be given up"},
    {"o", "text|json", "text", "How to print what is told; json: one document, nothing else"},
};

}  // namespace

const Command kGiveUpDeletes = {
    "give-up-deletes",
    "Wait no longer for a storage that left, to delete there",
    "What clients removed is deleted on every node that held it. Where a storage left\n"
    "the configuration, the delete waits for it to come back, and `praefect status`\n"
    "says so. This command says that it will not.\n"
    "\n"
    "Asks the running Praefect, at the address and with the token of the\n"
    "configuration. Tells first what would be given up; changes it with -apply.\n"
    "\n"
    "Exit status: 0, or 1 when nothing waits for the storage, when it is configured,\n"
    "or when Praefect does not answer.",
    "praefect -config /etc/praefect/config.toml give-up-deletes -virtual-storage default "
    "-storage gitaly-9",
    &GiveUpDeletes,
    kFlags};

}  // namespace praefect::cmd
