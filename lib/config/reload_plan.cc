#include "config/reload_plan.h"

namespace praefect::config {
namespace {

struct Part {
  const char* key;
  bool needs_restart;
  void (*copy)(Config& to, const Config& from);
};

constexpr bool kApplied = false, kNeedsRestart = true;

// Every field of Config but the path, once.
constexpr Part kParts[] = {
    {"listen_addr", kNeedsRestart,
     [](Config& to, const Config& from) { to.listen_addr = from.listen_addr; }},
    {"socket_path", kNeedsRestart,
     [](Config& to, const Config& from) { to.socket_path = from.socket_path; }},
    {"tls_listen_addr", kNeedsRestart,
     [](Config& to, const Config& from) { to.tls_listen_addr = from.tls_listen_addr; }},
    {"prometheus_listen_addr", kNeedsRestart,
     [](Config& to, const Config& from) {
       to.prometheus_listen_addr = from.prometheus_listen_addr;
     }},
    {"graceful_stop_delay", kApplied,
     [](Config& to, const Config& from) { to.graceful_stop_delay = from.graceful_stop_delay; }},
    {"graceful_stop_timeout", kApplied,
     [](Config& to, const Config& from) { to.graceful_stop_timeout = from.graceful_stop_timeout; }},
    {"keepalive_timeout", kApplied,
     [](Config& to, const Config& from) { to.keepalive_timeout = from.keepalive_timeout; }},
    {"workers", kNeedsRestart, [](Config& to, const Config& from) { to.workers = from.workers; }},
    {"failover.enabled", kApplied,
     [](Config& to, const Config& from) { to.failover_enabled = from.failover_enabled; }},
    {"failover.election_strategy", kApplied,
     [](Config& to, const Config& from) { to.election_strategy = from.election_strategy; }},
    {"failover.error_threshold_window", kApplied,
     [](Config& to, const Config& from) {
       to.error_thresholds.window = from.error_thresholds.window;
     }},
    {"failover.read_error_threshold_count", kApplied,
     [](Config& to, const Config& from) {
       to.error_thresholds.read_errors = from.error_thresholds.read_errors;
     }},
    {"failover.write_error_threshold_count", kApplied,
     [](Config& to, const Config& from) {
       to.error_thresholds.write_errors = from.error_thresholds.write_errors;
     }},
    {"virtual_storage", kApplied,
     [](Config& to, const Config& from) { to.virtual_storages = from.virtual_storages; }},
    {"auth", kApplied, [](Config& to, const Config& from) { to.auth = from.auth; }},
    {"tls", kApplied, [](Config& to, const Config& from) { to.tls = from.tls; }},
    {"logging.format", kNeedsRestart,
     [](Config& to, const Config& from) { to.logging.format = from.logging.format; }},
    {"logging.level", kApplied,
     [](Config& to, const Config& from) { to.logging.level = from.logging.level; }},
    {"logging.file", kNeedsRestart,
     [](Config& to, const Config& from) { to.logging.file = from.logging.file; }},
    {"logging.dir", kApplied,
     [](Config& to, const Config& from) { to.logging.dir = from.logging.dir; }},
    {"prometheus", kNeedsRestart,
     [](Config& to, const Config& from) { to.prometheus = from.prometheus; }},
    {"limits", kApplied, [](Config& to, const Config& from) { to.limits = from.limits; }},
    {"database", kNeedsRestart,
     [](Config& to, const Config& from) { to.database = from.database; }},
    {"embedded_store", kNeedsRestart,
     [](Config& to, const Config& from) { to.embedded_store = from.embedded_store; }},
    {"replication", kNeedsRestart,
     [](Config& to, const Config& from) { to.replication = from.replication; }},
    {"reconciliation", kApplied,
     [](Config& to, const Config& from) { to.reconciliation = from.reconciliation; }},
    {"background_verification", kApplied,
     [](Config& to, const Config& from) {
       to.background_verification = from.background_verification;
     }},
    {"repositories_cleanup", kApplied,
     [](Config& to, const Config& from) { to.repositories_cleanup = from.repositories_cleanup; }},
    {"yamux", kApplied, [](Config& to, const Config& from) { to.yamux = from.yamux; }},
};

bool Differs(const Part& part, const Config& running, const Config& wanted) {
  Config with = running;
  part.copy(with, wanted);
  return with != running;
}

}  // namespace

ReloadPlan PlanReload(const Config& running, const Config& wanted) {
  ReloadPlan plan{wanted, {}, {}};
  for (const Part& part : kParts) {
    if (!Differs(part, running, wanted)) continue;
    (part.needs_restart ? plan.need_restart : plan.applied).push_back(part.key);
    if (part.needs_restart) part.copy(plan.config, running);
  }
  return plan;
}

}  // namespace praefect::config
