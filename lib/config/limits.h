#pragma once

// `[limits]`: what one client may cost, and all of them together. Every limit has a counter that
// tells when it was hit (gitaly_praefect_limit_hits_total; ARCHITECTURE.md lists them).

#include <chrono>
#include <cstdint>

namespace praefect::config {

struct Limits {
  uint64_t max_first_message_bytes = 4 << 20;  // also of a compressed one, once inflated
  // Until the first message of a call is there whole, which GitLab's clients send at once. 0: ever.
  std::chrono::milliseconds first_message_timeout{60'000};
  uint32_t max_streams_per_connection = 10'000;  // SETTINGS_MAX_CONCURRENT_STREAMS towards clients
  uint32_t max_header_list_bytes = 64 << 10;     // names, values and 32 bytes for each field
  uint32_t max_header_fields = 256;              // of one header block

  // Buffers. What a stream may hold is its largest receive window: who sends waits then. At the
  // other two, new calls are refused; should open ones go on filling buffers, those whose receiver
  // does not keep up are ended.
  uint64_t max_buffered_bytes = 256 << 20;                 // of the whole process
  uint64_t max_buffered_bytes_per_connection = 128 << 20;  // of the calls of one client connection
  uint32_t max_buffered_bytes_per_stream = 512 << 10;      // of one call, in each direction

  uint32_t max_connections = 20'000;  // accepted, over all listeners
  // Open Watch calls of the health service, of the whole process: it answers without a token.
  uint32_t max_health_watches = 1'000;
  // From one client connection; each allows a burst of ten seconds' worth.
  uint32_t max_resets_per_second = 1'000;  // RST_STREAM
  uint32_t max_pings_per_second = 20;      // PING
  uint32_t max_settings_per_second = 20;   // SETTINGS

  std::chrono::milliseconds tls_handshake_timeout{10'000};
  // Until the client's SETTINGS are there.
  std::chrono::milliseconds http2_handshake_timeout{10'000};
  // A client that sent nothing for so long is asked for a sign of life (PING), and closed when it
  // takes so long to answer: its host may be gone without a word. Both as upstream has them.
  std::chrono::milliseconds connection_ping_after{300'000};
  std::chrono::milliseconds connection_ping_timeout{20'000};

  // Both are off (0) unless they are set: Rails, Workhorse and GitLab Shell keep their connections
  // for as long as they live, a call on a new one has to wait for handshakes, and who is gone is
  // found by PINGs. They are for load balancers that should spread clients anew now and then.
  // Either way a client is asked to leave (GOAWAY) and its open calls go on.
  std::chrono::milliseconds connection_idle_timeout{0};  // without an open call
  std::chrono::milliseconds max_connection_age{0};       // for each connection 10 % more or less

  bool operator==(const Limits&) const = default;
};

// `each(name, field, least, most)` for every key, in the order above. `limits` may be const.
template <class AnyLimits, class Each>
void ForEachLimit(AnyLimits& limits, Each each) {
  using std::chrono::milliseconds;
  constexpr int64_t kKiB = 1 << 10, kMiB = 1 << 20, kGiB = 1 << 30;
  constexpr int64_t kMost = 1'000'000;
  constexpr milliseconds kNever(0), kShortest(100), kLongest(std::chrono::hours(24 * 365));
  constexpr milliseconds kLongestHandshake(600'000);
  each("max_first_message_bytes", limits.max_first_message_bytes, kKiB, kGiB);
  each("first_message_timeout", limits.first_message_timeout, kNever, kLongest);
  each("max_streams_per_connection", limits.max_streams_per_connection, 1, kMost);
  each("max_header_list_bytes", limits.max_header_list_bytes, 4 * kKiB, 16 * kMiB);
  each("max_header_fields", limits.max_header_fields, 16, 100'000);
  each("max_buffered_bytes", limits.max_buffered_bytes, kMiB, kGiB * kKiB);
  each("max_buffered_bytes_per_connection", limits.max_buffered_bytes_per_connection, kMiB,
       kGiB * kKiB);
  each("max_buffered_bytes_per_stream", limits.max_buffered_bytes_per_stream, 64 * kKiB, kGiB);
  each("max_connections", limits.max_connections, 1, 10 * kMost);
  each("max_health_watches", limits.max_health_watches, 1, kMost);
  each("max_resets_per_second", limits.max_resets_per_second, 1, kMost);
  each("max_pings_per_second", limits.max_pings_per_second, 1, kMost);
  each("max_settings_per_second", limits.max_settings_per_second, 1, kMost);
  each("tls_handshake_timeout", limits.tls_handshake_timeout, kShortest, kLongestHandshake);
  each("http2_handshake_timeout", limits.http2_handshake_timeout, kShortest, kLongestHandshake);
  each("connection_ping_after", limits.connection_ping_after, kShortest, kLongest);
  each("connection_ping_timeout", limits.connection_ping_timeout, kShortest, kLongestHandshake);
  each("connection_idle_timeout", limits.connection_idle_timeout, kNever, kLongest);
  each("max_connection_age", limits.max_connection_age, kNever, kLongest);
}

}  // namespace praefect::config
