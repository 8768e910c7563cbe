#include "config/upkeep_rules.h"

#include <fmt/format.h>

#include "config/number_rules.h"

namespace praefect::config {
namespace {

using std::chrono::milliseconds;

void AtLeastOne(std::string_view key, int64_t value, Findings& findings) {
  if (value < 1) findings.WarnOfInvalid(key, NotInRange(value, 1), "write 1 or more");
}

void NotNegative(std::string_view key, milliseconds value, Findings& findings) {
  if (value.count() >= 0) return;
  findings.WarnOfInvalid(key, NotInRange(value, milliseconds(0)), "write 0s to switch it off");
}

void AtLeastOneMinute(std::string_view key, milliseconds value, Findings& findings) {
  constexpr milliseconds kMinute(60'000);
  if (value >= kMinute) return;
  findings.Error(key,
                 fmt::format("{} is less then 1m0s, which could lead to a database performance "
                             "problem",
                             key),
                 "write 1m or more", NotInRange(value, kMinute));
}

void AtLeast(std::string_view key, int64_t value, int64_t least, Findings& findings) {
  if (value >= least) return;
  findings.Error(key, fmt::format("{} must be at least {} but it was {}", key, least, value),
                 fmt::format("write {} or more", least), NotInRange(value, least));
}

}  // namespace

void CheckReconciliation(const Reconciliation& reconciliation, Findings& findings) {
  NotNegative("reconciliation.scheduling_interval", reconciliation.scheduling_interval, findings);
  const std::string order = BadOrder(reconciliation.histogram_buckets);
  if (order.empty()) return;
  findings.WarnOfInvalid("reconciliation.histogram_buckets", order,
                         "write each number larger than the one before");
}

void CheckVerification(const BackgroundVerification& verification, Findings& findings) {
  NotNegative("background_verification.verification_interval", verification.verification_interval,
              findings);
}

void CheckCleanup(const RepositoriesCleanup& cleanup, Findings& findings) {
  if (cleanup.run_interval.count() == 0) return;
  AtLeastOneMinute("repositories_cleanup.check_interval", cleanup.check_interval, findings);
  AtLeastOneMinute("repositories_cleanup.run_interval", cleanup.run_interval, findings);
  AtLeastOne("repositories_cleanup.repositories_in_batch", cleanup.repositories_in_batch, findings);
}

void CheckYamux(const Yamux& yamux, Findings& findings) {
  constexpr int64_t kLeastWindow = 262'144;
  AtLeast("yamux.maximum_stream_window_size_bytes", yamux.maximum_stream_window_size_bytes,
          kLeastWindow, findings);
  AtLeast("yamux.accept_backlog", yamux.accept_backlog, 1, findings);
}

}  // namespace praefect::config
