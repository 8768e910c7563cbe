#include "accept_disk.h"

#include <fmt/format.h>

#include <string>

#include "output.h"
#include "storage_decision.h"

namespace praefect::cmd {
namespace {

using api::AcceptDiskRequest;
using api::AcceptDiskResponse;

std::string Replicas(int64_t count) {
  return fmt::format("{} {}", count, count == 1 ? "replica" : "replicas");
}

std::string Disks(const AcceptDiskResponse& told) {
  if (told.filesystem_id() == told.former_filesystem_id()) return "";
  return fmt::format("  filesystem_id was {}\n                 is {}\n",
                     Printable(told.former_filesystem_id()), Printable(told.filesystem_id()));
}

std::string Losses(const AcceptDiskResponse& told) {
  if (told.only_there() == 0) return "Nothing is lost: by the books, other nodes hold all of it.\n";
  std::string text = fmt::format(
      "LOST with the old disk, since no other node holds them: acknowledged writes of\n{}:\n",
      told.only_there() == 1 ? "1 repository" : fmt::format("{} repositories", told.only_there()));
  for (const api::OnlyThere& each : told.first()) {
    text += fmt::format("  {} (repository {})\n", Printable(each.relative_path()),
                        each.repository_id());
  }
  const int64_t more = told.only_there() - told.first_size();
  return more > 0 ? text + fmt::format("  and {} more\n", more) : text;
}

std::string Report(const AcceptDiskRequest& request, const AcceptDiskResponse& told) {
  const std::string name =
      Printable(fmt::format("\"{}\" of \"{}\"", request.storage(), request.virtual_storage()));
  if (told.applied()) {
    return fmt::format(
        "The disk of storage {} is accepted, {} of the old one are given up.\n"
        "They are copied anew; `praefect status` shows how far that is.\n",
        name, Replicas(told.replicas()));
  }
  const std::string flags = told.only_there() > 0 ? "-apply -accept-dataloss" : "-apply";
  return fmt::format(
      "Storage {} is not on the disk of before: {} not used.\n{}\n"
      "Accepting the disk that is there gives these up: they are copied anew from other\n"
      "nodes, over what lies at their paths. What else is on it is left alone.\n{}\n"
      "NOTHING IS CHANGED YET. If the old disk can be mounted again, do that instead:\n"
      "everything on it counts again. If it is gone for good, add {}\n",
      name, fmt::format("{} {}", Replicas(told.replicas()), told.replicas() == 1 ? "is" : "are"),
      Disks(told), Losses(told), flags);
}

ExitCode AcceptDisk(const Invocation& invocation) {
  AcceptDiskRequest request;
  request.set_accept_dataloss(invocation.Switch("accept-dataloss"));
  return Decide(invocation, "accept disk", request, &service::Client::AcceptDisk, &Report);
}

constexpr Flag kFlags[] = {
    {"virtual-storage", "NAME", "", "The storage's virtual storage", true},
    {"storage", "NAME", "", "The storage whose disk was exchanged", true},
    {"apply", "", "", "Do it; without this it is only told what would be given up"},
    {"accept-dataloss", "", "",
     "Do it also when acknowledged writes are on the old disk alone, and are lost with it"},
    {"o", "text|json", "text", "How to print what is told; json: one document, nothing else"},
};

}  // namespace

const Command kAcceptDisk = {
    "accept-disk",
    "Give up what was on the former disk of a storage",
    "For a node that came back with another disk, on which repositories lie already\n"
    "(one that is empty is filled up without asking), or whose replicas were lost.\n"
    "Praefect uses none of its replicas then and writes nothing there, until the old\n"
    "disk is back or this command says that it will not be. `praefect status` names\n"
    "such storages.\n"
    "\n"
    "Asks the running Praefect, at the address and with the token of the\n"
    "configuration. Tells first what would be given up; changes it with -apply.\n"
    "\n"
    "Exit status: 0, or 1 when there is nothing to decide over the storage, when it\n"
    "was refused, or when Praefect does not answer.",
    "praefect -config /etc/praefect/config.toml accept-disk -virtual-storage default "
    "-storage gitaly-3",
    &AcceptDisk,
    kFlags};

}  // namespace praefect::cmd
