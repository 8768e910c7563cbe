#pragma once

// What the data plane counts. Names and labels are upstream's where upstream has them
// (gitaly_*, grpc_server_*); own ones begin with gitaly_praefect_.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <array>
#include <string_view>
#include <utility>

#include "config/config.h"
#include "http2/buffer.h"
#include "observe/registry.h"

namespace praefect::proxy {

// Values of the label of gitaly_praefect_limit_hits_total: every limit of ARCHITECTURE.md that is
// the data plane's.
inline constexpr std::array<std::string_view, 26> kLimits = {"attempts",
                                                             "buffers",
                                                             "client_request_series",
                                                             "connection_age",
                                                             "connection_buffers",
                                                             "connection_idle",
                                                             "connection_pings",
                                                             "connections",
                                                             "empty_frames",
                                                             "first_message",
                                                             "first_message_time",
                                                             "handshake",
                                                             "headers",
                                                             "health_watches",
                                                             "lanes",
                                                             "left_calls",
                                                             "name_decisions",
                                                             "pings",
                                                             "queued_frames",
                                                             "reroutes",
                                                             "resets",
                                                             "settings",
                                                             "status_message",
                                                             "stream_buffers",
                                                             "streams",
                                                             "tokens"};

// The families, once for the process. Thread-safe.
class Metrics {
 public:
  // `memory` lives for as long as `registry` is collected.
  Metrics(observe::Registry& registry, const config::Config& config,
          const http2::MemoryMeter& memory);

  // One of kLimits was hit so many times.
  void HitLimit(std::string_view limit, uint64_t times = 1);

  // By grpc_type, grpc_service and grpc_method.
  observe::CounterFamily& started;
  observe::CounterFamily& handled;  // and grpc_code
  observe::CounterFamily& messages_received;
  observe::CounterFamily& messages_sent;
  observe::HistogramFamily* handling;  // nullptr: no admin listener
  observe::CounterFamily& client_requests;
  observe::CounterFamily& authentications;
  observe::CounterFamily& authentication_errors;
  observe::CounterFamily& method_types;
  observe::CounterFamily& refusals;              // by reason
  observe::CounterFamily& connections;           // accepted, by type
  observe::CounterFamily& praefect_connections;  // the same by the name of later releases
  observe::CounterFamily& closures;              // of client connections, by reason
  observe::CounterFamily& tls_handshakes;        // with clients, by result
  observe::GaugeFamily& tls_not_after;           // one gauge where TLS is served
  observe::HistogramFamily& loop_delay;          // by worker
  prometheus::Counter& resent;                   // calls sent again because a node never took them
  prometheus::Counter& stale_routes;             // calls that went where the books last said
  prometheus::Counter& accept_failures;
  prometheus::Counter& ended_at_stop;  // calls that graceful_stop_timeout was too short for
  prometheus::Gauge& client_connections;
  prometheus::Gauge& open_calls;

 private:
  std::array<prometheus::Counter*, kLimits.size()> limit_hits_;
};

}  // namespace praefect::proxy
