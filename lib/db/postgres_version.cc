#include "db/postgres_version.h"

#include <fmt/format.h>

namespace praefect::db {
namespace {

constexpr int kOldest = 90600;
constexpr int kMaintained = 110000;

}  // namespace

std::string RefuseVersion(int version) {
  return version < kOldest ? fmt::format("postgres server version too old: {}", version) : "";
}

std::optional<Error> VersionError(int version) {
  const std::string refusal = RefuseVersion(version);
  if (refusal.empty()) return std::nullopt;
  return Error{Layer::kVersion, "", refusal, false, {"database.host"}};
}

std::string WarnOfVersion(int version) {
  if (version < kOldest || version >= kMaintained) return "";
  return "PostgreSQL 9.6 and 10 get no fixes any more, and Praefect is tested with 15: upgrade the "
         "server";
}

}  // namespace praefect::db
