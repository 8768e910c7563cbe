#include "config/replication_rules.h"

#include <fmt/format.h>

#include "config/duration.h"
#include "config/number_rules.h"

namespace praefect::config {
namespace {

using std::chrono::milliseconds;

// Upstream's rules.
void CheckWorkers(const Replication& replication, Findings& findings) {
  if (replication.batch_size < 1) {
    findings.Error(
        "replication.batch_size",
        fmt::format("replication batch size was {} but must be >=1", replication.batch_size),
        "write 1 or more", NotInRange(replication.batch_size, 1));
  }
  if (replication.parallel_storage_processing_workers < 1) {
    findings.WarnOfInvalid("replication.parallel_storage_processing_workers",
                           NotInRange(replication.parallel_storage_processing_workers, 1),
                           "write 1 or more");
  }
}

void CheckPositive(std::string_view name, milliseconds value, Findings& findings) {
  constexpr milliseconds kLeast(1);
  if (value >= kLeast) return;
  findings.Error(fmt::format("replication.{}", name), NotInRange(value, kLeast),
                 "remove the key to use the default");
}

void CheckOrder(const Replication& replication, Findings& findings) {
  const milliseconds burial = replication.beat_interval * replication.beats_until_burial;
  if (replication.send_window < burial && burial < replication.feed_window &&
      replication.feed_window < replication.lost_linger) {
    return;
  }
  findings.Error(
      "replication.send_window",
      fmt::format("send_window ({}) must be shorter than beats_until_burial times beat_interval "
                  "({}), that shorter than feed_window ({}), and that shorter than lost_linger "
                  "({})",
                  FormatDuration(replication.send_window), FormatDuration(burial),
                  FormatDuration(replication.feed_window), FormatDuration(replication.lost_linger)),
      "remove these keys of [replication] to use the defaults, on all Praefects alike");
}

}  // namespace

void CheckReplication(const Replication& replication, Findings& findings) {
  CheckWorkers(replication, findings);
  CheckPositive("linger", replication.linger, findings);
  CheckPositive("settle_timeout", replication.settle_timeout, findings);
  CheckPositive("create_wait", replication.create_wait, findings);
  CheckPositive("route_timeout", replication.route_timeout, findings);
  CheckPositive("send_window", replication.send_window, findings);
  CheckPositive("beat_interval", replication.beat_interval, findings);
  CheckOrder(replication, findings);
}

}  // namespace praefect::config
