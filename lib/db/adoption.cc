#include "db/adoption.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace praefect::db {
namespace {

constexpr Sql kLimitLockWait("SELECT set_config('lock_timeout', $1, true)", "SELECT $1");
constexpr Sql kForgetTimeouts(
    "SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)",
    "SELECT 1");

// Who was alive in the last minute, by the database's clock. A Go Praefect writes this each second,
// and has to wait from here on; readers do not.
constexpr Sql kStopGoPraefects("LOCK TABLE node_status IN SHARE ROW EXCLUSIVE MODE");
constexpr Sql kGoPraefects(
    "SELECT praefect_name, CAST(greatest(0, extract(epoch FROM clock_timestamp() - "
    "max(greatest(last_contact_attempt_at, last_seen_active_at)))) AS bigint) FROM node_status "
    "WHERE greatest(last_contact_attempt_at, last_seen_active_at) > "
    "clock_timestamp() - interval '60 seconds' GROUP BY praefect_name ORDER BY praefect_name");
// All that is read and moved.
constexpr Sql kLockTheirs(
    "LOCK TABLE repositories, storage_repositories, repository_assignments, "
    "replication_queue_lock, replication_queue, replication_queue_job_lock, node_status, "
    "hello_world, repository_reference_write_locks, shard_primaries, storage_cleanups, "
    "virtual_storages IN ACCESS EXCLUSIVE MODE");
constexpr Sql kMayCreateSchema(
    "SELECT has_database_privilege(current_database(), 'CREATE'), current_database(), "
    "current_user");
constexpr Sql kSharedPath(
    "SELECT virtual_storage, coalesce(replica_path, relative_path), min(relative_path), "
    "max(relative_path) FROM repositories GROUP BY 1, 2 HAVING count(*) > 1 LIMIT 1");

constexpr Sql kStopOurs("LOCK TABLE instances IN SHARE ROW EXCLUSIVE MODE");
constexpr Sql kOurs(
    "SELECT name, CAST(greatest(0, extract(epoch FROM clock_timestamp() - changed_at)) AS bigint) "
    "FROM instances WHERE NOT buried AND changed_at > clock_timestamp() - interval '60 seconds' "
    "ORDER BY id");
constexpr Sql kLockOurs(
    "LOCK TABLE repositories, storage_repositories, repository_assignments, retired_paths, "
    "replication_jobs, write_intents, instances, settled_batches, events "
    "IN ACCESS EXCLUSIVE MODE");

Error Refusal(std::string message) { return {Layer::kDatabase, "", std::move(message)}; }

std::optional<Error> WithAdvice(std::optional<Error> error, std::string_view action) {
  if (!error || error->sqlstate != "55P03") return error;
  return Refusal(fmt::format(
      "{}: other sessions use the database's tables for longer than -timeout, a backup for "
      "instance; nothing was changed: try again when they have ended, or give it more time",
      action));
}

// Refuses when one of these processes was seen lately.
std::optional<Error> RefuseAlive(const Rows& processes, std::string_view kind,
                                 std::string_view action) {
  if (processes.empty()) return std::nullopt;
  std::string seen;
  for (size_t i = 0; i < processes.size(); ++i) {
    seen += fmt::format("{}{} ({} s ago)", i == 0 ? "" : ", ", processes.Text(i, 0),
                        processes.Integer(i, 1));
  }
  return Refusal(fmt::format(
      "{}: {} was alive in the last 60 s: {}; nothing was changed: stop every one, wait until a "
      "minute has passed, and try again",
      action, kind, seen));
}

std::optional<Error> RefusePrivilege(const Rows& rows) {
  if (rows.Boolean(0, 0)) return std::nullopt;
  return Refusal(fmt::format(
      "take over the Go Praefect's database: role {1} may not create a schema, in which its tables "
      "are kept; nothing was changed: run GRANT CREATE ON DATABASE \"{0}\" TO \"{1}\" as the "
      "owner of the database",
      rows.Text(0, 1), rows.Text(0, 2)));
}

std::optional<Error> RefuseSharedPath(const Rows& rows) {
  if (rows.empty()) return std::nullopt;
  return Refusal(fmt::format(
      "take over the Go Praefect's database: {2} and {3} of virtual storage {0} have the same "
      "replica path {1}, so a write to one changes the other; nothing was changed: take one of "
      "them "
      "out of the books first, with the Go Praefect's `remove-repository --apply --db-only`",
      rows.Text(0, 0), rows.Text(0, 1), rows.Text(0, 2), rows.Text(0, 3)));
}

}  // namespace

Statement LimitLockWait(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return {kLimitLockWait, {std::to_string(std::max<int64_t>(left.count(), 1))}};
}

Statement ForgetTimeouts() { return {kForgetTimeouts}; }

std::optional<Error> ReadyToAdopt(OpenTransaction& open, Deadline deadline) {
  constexpr std::string_view kAction = "take over the Go Praefect's database";
  const Outcome asked = open.Execute(
      {LimitLockWait(deadline), {kStopGoPraefects}, {kGoPraefects}, {kMayCreateSchema}});
  if (!asked.ok()) return WithAdvice(asked.error, kAction);
  if (auto error = RefuseAlive(asked.results[2], "a Go Praefect", kAction)) return error;
  if (auto error = RefusePrivilege(asked.results[3])) return error;
  const Outcome locked =
      open.Execute({LimitLockWait(deadline), {kLockTheirs}, ForgetTimeouts(), {kSharedPath}});
  if (!locked.ok()) return WithAdvice(locked.error, kAction);
  return RefuseSharedPath(locked.results[3]);
}

std::optional<Error> ReadyToGiveBack(OpenTransaction& open, Deadline deadline) {
  constexpr std::string_view kAction = "give the database back to the Go Praefect";
  const Outcome asked = open.Execute({LimitLockWait(deadline), {kStopOurs}, {kOurs}});
  if (!asked.ok()) return WithAdvice(asked.error, kAction);
  if (auto error = RefuseAlive(asked.results[2], "a Praefect", kAction)) return error;
  const Outcome locked = open.Execute({LimitLockWait(deadline), {kLockOurs}, ForgetTimeouts()});
  return WithAdvice(locked.error, kAction);
}

}  // namespace praefect::db
