#include "http2/keepalive.h"

#include <algorithm>
#include <utility>

namespace praefect::http2 {

int64_t Keepalive::look_interval_ms() const {
  return timeout_ms_ <= 0 ? 0 : std::max<int64_t>(timeout_ms_ / kLooksPerTimeout, 1);
}

// What was sent before the peer saw our PING does not forgive it; only what comes after its
// acknowledgement has surely been sent later.
void Keepalive::OnAnswer() {
  if (!waiting_) forgiven_ = true;
}

void Keepalive::OnAcknowledged() { waiting_ = false; }

Keepalive::Step Keepalive::Look(int64_t now_ms, bool suspected) {
  const int64_t since_look = now_ms - std::exchange(last_look_ms_, now_ms);
  // No call was open, or it was we who stood still: what has come meanwhile is not read yet.
  if (since_look > timeout_ms_ / 2) last_bytes_ms_ = now_ms;
  const int64_t silent = now_ms - last_bytes_ms_;
  if (waiting_) {
    const int64_t unanswered = std::min(silent, now_ms - last_ping_ms_);
    return unanswered >= timeout_ms_ ? Step::kFrozen : Step::kWait;
  }
  const bool ask = silent >= timeout_ms_ / 2 || (suspected && silent >= look_interval_ms());
  if (!ask || !MayPing(now_ms, suspected)) return Step::kWait;
  last_ping_ms_ = now_ms;
  waiting_ = true;
  return Step::kPing;
}

bool Keepalive::MayPing(int64_t now_ms, bool suspected) {
  if (std::exchange(forgiven_, false)) {
    strikes_ = 0;
    return true;
  }
  if (now_ms - last_ping_ms_ >= kQuietMs) return true;
  const bool spare = suspected && strikes_ < kSpareStrikes && now_ms - last_ping_ms_ >= timeout_ms_;
  if (spare) strikes_++;
  return spare;
}

}  // namespace praefect::http2
