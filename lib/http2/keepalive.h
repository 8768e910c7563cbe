#pragma once

// When to ask a silent peer for a sign of life (PING), and when to give it up. Without a clock.

#include <cstdint>

namespace praefect::http2 {

// For the client side, while calls are open. gRPC servers punish PINGs: each that comes sooner than
// a minimum after the one before it is a strike, and the third strike ends the connection (GOAWAY,
// too_many_pings). That minimum is 5 minutes where nobody set it, which is so in Gitaly before
// 13.1. A server that sends HEADERS or DATA forgives all strikes, and the next PING as well. So
//
// - a peer that was silent for half the timeout is asked, once,
// - and again only after it has sent HEADERS or DATA, or when kQuietMs have passed,
// - but for kSpareStrikes, which are spent when somebody else suspects the peer (health probes that
//   time out): a call that is silent for an hour must not be the reason why a frozen node is found
//   five minutes late.
//
// A peer that then sends nothing at all for the timeout is frozen. Whatever it sends is a sign of
// life: an acknowledgement may have to queue behind a large answer.
class Keepalive {
 public:
  static constexpr int64_t kQuietMs = 310'000;  // 5 minutes, and 10 s for the way
  static constexpr int kSpareStrikes = 1;       // of the two that servers take
  static constexpr int kLooksPerTimeout = 10;

  // `timeout_ms` 0: peers are never asked.
  explicit Keepalive(int64_t timeout_ms) : timeout_ms_(timeout_ms) {}

  // How often Look wants to be called while calls are open; 0: never.
  int64_t look_interval_ms() const;

  void OnBytes(int64_t now_ms) { last_bytes_ms_ = now_ms; }
  void OnAnswer();        // HEADERS or DATA
  void OnAcknowledged();  // the last PING

  enum class Step {
    kWait,
    kPing,  // to be sent now
    kFrozen,
  };
  Step Look(int64_t now_ms, bool suspected);

 private:
  bool MayPing(int64_t now_ms, bool suspected);

  const int64_t timeout_ms_;
  int64_t last_look_ms_ = 0;
  int64_t last_bytes_ms_ = 0;
  int64_t last_ping_ms_ = 0;
  bool waiting_ = false;  // for the acknowledgement
  bool forgiven_ = true;  // the peer has sent HEADERS or DATA since the last acknowledgement
  int strikes_ = 0;       // as the strictest server counts them
};

}  // namespace praefect::http2
