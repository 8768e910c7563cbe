#include "metadata.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <ctime>
#include <optional>
#include <string>

#include "invocation.h"
#include "observe/escape.h"
#include "output.h"
#include "server.h"

namespace praefect::cmd {
namespace {

using ::gitaly::GetRepositoryMetadataRequest;
using ::gitaly::GetRepositoryMetadataResponse;

constexpr std::chrono::seconds kTimeout{30};

// What upstream's command says of a choice of flags that names no repository; empty: one is named.
std::string Refuse(int64_t id, const std::string& virtual_storage,
                   const std::string& relative_path) {
  if (id != 0) {
    return virtual_storage.empty() && relative_path.empty()
               ? ""
               : "virtual storage and relative path can't be provided with a repository ID";
  }
  if (virtual_storage.empty() && relative_path.empty()) {
    return "repository ID or virtual storage and relative path required";
  }
  if (virtual_storage.empty()) return "virtual storage is required with relative path";
  if (relative_path.empty()) return "relative path is required with virtual storage";
  return "";
}

std::optional<int64_t> ParseId(const std::string& text) {
  int64_t id = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, id);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return id;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  observe::AppendPrintable(quoted, text);
  return quoted + "\"";
}

std::string_view TrueOrFalse(bool value) { return value ? "true" : "false"; }

std::string Generation(const GetRepositoryMetadataResponse::Replica& replica, int64_t newest) {
  if (replica.generation() < 0) return "replica not yet created";
  const int64_t behind = newest - replica.generation();
  if (behind == 0) return fmt::format("{}, fully up to date", replica.generation());
  return fmt::format("{}, behind by {} changes", replica.generation(), behind);
}

// As Go prints a time: "2026-11-22 03:09:01.611 +0000 UTC", without zeros at the fraction's end.
std::string Time(const google::protobuf::Timestamp& time) {
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  std::string fraction = fmt::format(".{:09}", time.nanos());
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return fmt::format("{}{} +0000 UTC", text, fraction == "." ? "" : fraction);
}

std::string Report(const GetRepositoryMetadataResponse& metadata) {
  std::string text = fmt::format(
      "Repository ID: {}\nVirtual Storage: {}\nRelative Path: {}\nReplica Path: {}\nPrimary: {}\n"
      "Generation: {}\nReplicas:\n",
      metadata.repository_id(), Quoted(metadata.virtual_storage()),
      Quoted(metadata.relative_path()), Quoted(metadata.replica_path()), Quoted(metadata.primary()),
      metadata.generation());
  for (const auto& replica : metadata.replicas()) {
    text += fmt::format(
        "- Storage: {}\n  Assigned: {}\n  Generation: {}\n  Healthy: {}\n  Valid Primary: {}\n"
        "  Verified At: {}\n",
        Quoted(replica.storage()), TrueOrFalse(replica.assigned()),
        Generation(replica, metadata.generation()), TrueOrFalse(replica.healthy()),
        TrueOrFalse(replica.valid_primary()),
        replica.has_verified_at() ? Time(replica.verified_at()) : "unverified");
  }
  return text;
}

ExitCode Metadata(const Invocation& invocation) {
  const auto id = ParseId(invocation.Text("repository-id"));
  if (!id) {
    PrintError("invalid value for flag -repository-id: write a number");
    return kWrongUsage;
  }
  const std::string& virtual_storage = invocation.Text("virtual-storage");
  const std::string& relative_path = invocation.Text("relative-path");
  if (const auto refusal = Refuse(*id, virtual_storage, relative_path); !refusal.empty()) {
    PrintError(refusal);
    return kFailed;
  }
  auto client = ClientFor(invocation.config_path);
  if (!client) return kFailed;
  GetRepositoryMetadataRequest request;
  if (*id != 0) {
    request.set_repository_id(*id);
  } else {
    request.mutable_path()->set_virtual_storage(virtual_storage);
    request.mutable_path()->set_relative_path(relative_path);
  }
  const auto metadata = client->RepositoryMetadata(request, kTimeout);
  if (!metadata.ok()) {
    PrintServerError("get metadata", client->address(), metadata.status());
    return kFailed;
  }
  Print(Report(*metadata));
  return kDone;
}

constexpr Flag kFlags[] = {
    {"repository-id", "ID", "0", "The repository's number in the books"},
    {"virtual-storage", "NAME", "", "With -relative-path: the repository by its name"},
    {"relative-path", "PATH", "", "As clients name it"},
};

}  // namespace

const Command kMetadata = {
    "metadata",
    "What the books know of one repository and its replicas",
    "Asks the running Praefect, at the address and with the token of the\n"
    "configuration: where a repository lies, its primary, and of each replica how far\n"
    "it is, whether its node is healthy, whether it could be the primary, and when its\n"
    "contents were last proven equal. `praefect status` tells of all together.\n"
    "\n"
    "Exit status: 0, or 1 when the repository is not known or Praefect does not answer.",
    "praefect -config /etc/praefect/config.toml metadata -virtual-storage default "
    "-relative-path @hashed/aa/bb/aabb.git",
    &Metadata,
    kFlags};

}  // namespace praefect::cmd
