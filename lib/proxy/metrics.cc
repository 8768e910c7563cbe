#include "proxy/metrics.h"

#include <algorithm>
#include <string>
#include <vector>

namespace praefect::proxy {
namespace {

std::vector<double> LatencyBuckets(const config::Config& config) {
  if (!config.prometheus.grpc_latency_buckets.empty())
    return config.prometheus.grpc_latency_buckets;
  return {.001, .005, .025, .1, .5, 1, 10, 30, 60, 300, 1500};  // upstream's defaults
}

// A loop that is late by a second stalls every client of its worker.
std::vector<double> DelayBuckets() { return {.001, .002, .005, .01, .025, .05, .1, .25, 1, 5}; }

}  // namespace

Metrics::Metrics(observe::Registry& registry, const config::Config& config,
                 const http2::MemoryMeter& memory)
    : started(registry.Counters("grpc_server_started_total", "Calls begun.")),
      handled(registry.Counters("grpc_server_handled_total", "Calls ended, by code.")),
      messages_received(registry.Counters(
          "grpc_server_msg_received_total",
          "Messages that came from clients; those of a call are added when it ends.")),
      messages_sent(registry.Counters(
          "grpc_server_msg_sent_total",
          "Messages that went to clients; those of a call are added when it ends.")),
      handling(config.prometheus_listen_addr.empty()
                   ? nullptr
                   : &registry.Histograms("grpc_server_handling_seconds",
                                          "Time from a call's headers to its end.",
                                          LatencyBuckets(config))),
      client_requests(registry.Counters("gitaly_service_client_requests_total",
                                        "Calls ended, by what their clients say of themselves.")),
      authentications(
          registry.Counters("gitaly_authentications_total", "Tokens checked, by outcome.")),
      authentication_errors(registry.Counters("gitaly_authentication_errors_total",
                                              "Version 2 tokens refused, by cause.")),
      method_types(registry.Counters("gitaly_praefect_method_types", "Calls by type of method.")),
      refusals(registry.Counters("gitaly_praefect_refusals_total",
                                 "Calls that Praefect itself refused, by reason.")),
      connections(registry.Counters("gitaly_connections_total", "Connections accepted, by type.")),
      praefect_connections(
          registry.Counters("gitaly_praefect_connections_total", "Connections accepted, by type.")),
      closures(registry.Counters("gitaly_praefect_client_connections_closed_total",
                                 "Client connections that ended, by reason.")),
      tls_handshakes(registry.Counters("gitaly_praefect_tls_handshakes_total",
                                       "TLS handshakes with clients, by result.")),
      tls_not_after(
          registry.Gauges("gitaly_praefect_tls_certificate_not_after_seconds",
                          "When the certificate of tls_listen_addr, or one of its chain, becomes "
                          "invalid, in seconds since 1970.")),
      loop_delay(registry.Histograms("gitaly_praefect_event_loop_delay_seconds",
                                     "How late a worker's event loop ran a timer.",
                                     DelayBuckets())),
      resent(registry.Counter("gitaly_praefect_calls_resent_total",
                              "Calls sent again because a node provably never took them.")),
      stale_routes(registry.Counter("gitaly_praefect_calls_by_stale_route_total",
                                    "Calls routed by what was known last, because the database did "
                                    "not answer.")),
      accept_failures(registry.Counter("gitaly_praefect_accept_failures_total",
                                       "Connections that could not be accepted for want of "
                                       "resources.")),
      ended_at_stop(registry.Counter("gitaly_praefect_calls_ended_at_stop_total",
                                     "Calls that were still open when stopping waited no longer.")),
      client_connections(registry.Gauge("gitaly_praefect_client_connections",
                                        "Client connections that are open.")),
      open_calls(registry.Gauge("gitaly_praefect_open_calls", "Calls that are under way.")) {
  registry.AskedGauge("gitaly_praefect_buffered_bytes", "Bytes held in buffers for streams.",
                      [&memory] { return static_cast<double>(memory.bytes); });
  registry.AskedGauge("gitaly_praefect_client_streams", "HTTP/2 streams of clients that are open.",
                      [&memory] { return static_cast<double>(memory.client_streams); });
  registry.AskedGauge("gitaly_praefect_node_streams",
                      "HTTP/2 streams to nodes, and to Praefect's own services, that are open.",
                      [&memory] { return static_cast<double>(memory.node_streams); });
  auto& hits = registry.Counters("gitaly_praefect_limit_hits_total",
                                 "How often a limit was hit; ARCHITECTURE.md lists them.");
  for (size_t i = 0; i < kLimits.size(); i++) {
    limit_hits_[i] = &hits.Add({{"limit", std::string(kLimits[i])}});
  }
}

void Metrics::HitLimit(std::string_view limit, uint64_t times) {
  const auto found = std::find(kLimits.begin(), kLimits.end(), limit) - kLimits.begin();
  limit_hits_.at(static_cast<size_t>(found))->Increment(static_cast<double>(times));
}

}  // namespace praefect::proxy
