#include "proxy/metrics.h"

namespace praefect::proxy {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

prometheus::Family<prometheus::Counter>& Counters(prometheus::Registry& registry, const char* name,
                                                  const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

std::vector<double> Buckets(const config::Config& config) {
  if (!config.prometheus.grpc_latency_buckets.empty())
    return config.prometheus.grpc_latency_buckets;
  return {.001, .005, .025, .1, .5, 1, 10, 30, 60, 300, 1500};  // upstream's defaults
}

std::string_view TypeOf(bool client_streaming, bool server_streaming) {
  if (client_streaming && server_streaming) return "bidi_stream";
  if (client_streaming) return "client_stream";
  return server_streaming ? "server_stream" : "unary";
}

}  // namespace

Metrics::Metrics(prometheus::Registry& registry, const config::Config& config)
    : started(Counters(registry, "grpc_server_started_total", "Calls begun.")),
      handled(Counters(registry, "grpc_server_handled_total", "Calls ended, by code.")),
      handling(config.prometheus_listen_addr.empty()
                   ? nullptr
                   : &BuildHistogram()
                          .Name("grpc_server_handling_seconds")
                          .Help("Time from a call's headers to its end.")
                          .Register(registry)),
      authentications(
          Counters(registry, "gitaly_authentications_total", "Tokens checked, by outcome.")),
      authentication_errors(Counters(registry, "gitaly_authentication_errors_total",
                                     "Version 2 tokens refused, by cause.")),
      method_types(Counters(registry, "gitaly_praefect_method_types", "Calls by type of method.")),
      refusals(Counters(registry, "gitaly_praefect_refusals_total",
                        "Calls that Praefect itself refused, by reason.")),
      connections(Counters(registry, "gitaly_connections_total", "Connections accepted, by type.")),
      closures(Counters(registry, "gitaly_praefect_client_connections_closed_total",
                        "Client connections that ended, by reason.")),
      tls_handshakes(Counters(registry, "gitaly_praefect_tls_handshakes_total",
                              "TLS handshakes with clients, by result.")),
      tls_not_after(BuildGauge()
                        .Name("gitaly_praefect_tls_certificate_not_after_seconds")
                        .Help("When the certificate of tls_listen_addr, or one of its chain, "
                              "becomes invalid, in seconds since 1970.")
                        .Register(registry)),
      resent(Counters(registry, "gitaly_praefect_calls_resent_total",
                      "Calls sent again because a node provably never took them.")
                 .Add({})),
      accept_failures(Counters(registry, "gitaly_praefect_accept_failures_total",
                               "Connections that could not be accepted for want of resources.")
                          .Add({})),
      ended_at_stop(Counters(registry, "gitaly_praefect_calls_ended_at_stop_total",
                             "Calls that were still open when stopping waited no longer.")
                        .Add({})),
      client_connections(BuildGauge()
                             .Name("gitaly_praefect_client_connections")
                             .Help("Client connections that are open.")
                             .Register(registry)
                             .Add({})),
      open_calls(BuildGauge()
                     .Name("gitaly_praefect_open_calls")
                     .Help("Calls that are under way.")
                     .Register(registry)
                     .Add({})),
      buffered_bytes(BuildGauge()
                         .Name("gitaly_praefect_buffered_bytes")
                         .Help("Bytes held in buffers for streams.")
                         .Register(registry)
                         .Add({})),
      latency_buckets(Buckets(config)) {}

CounterCache::CounterCache(Metrics& metrics, const gitaly::MethodRegistry& methods)
    : metrics_(metrics), methods_(methods), entries_(methods.methods().size()) {}

CounterCache::Entry CounterCache::MakeEntry(std::string_view type, std::string_view service,
                                            std::string_view method) {
  Entry entry{{}, std::string(type), std::string(service), std::string(method)};
  prometheus::Labels labels = {
      {"grpc_type", entry.type}, {"grpc_service", entry.service}, {"grpc_method", entry.method}};
  entry.counters.started = &metrics_.started.Add(labels);
  for (int code = 0; code < http2::kStatusCodes; code++) {
    auto with_code = labels;
    with_code["grpc_code"] = std::string(http2::StatusName(static_cast<http2::StatusCode>(code)));
    entry.counters.handled[static_cast<size_t>(code)] = &metrics_.handled.Add(with_code);
  }
  if (metrics_.handling != nullptr) {
    entry.counters.handling = &metrics_.handling->Add(labels, metrics_.latency_buckets);
  }
  return entry;
}

MethodCounters& CounterCache::Of(const gitaly::Method& method) {
  auto& entry = entries_[static_cast<size_t>(&method - methods_.methods().data())];
  if (entry == nullptr) {
    entry = std::make_unique<Entry>(MakeEntry(
        TypeOf(method.client_streaming, method.server_streaming), method.service, method.name));
    bool accessor = method.operation == gitaly::Operation::kAccessor;
    if (accessor || method.operation == gitaly::Operation::kMutator) {
      entry->counters.method_type =
          &metrics_.method_types.Add({{"method_type", accessor ? "accessor" : "mutator"}});
    }
  }
  return entry->counters;
}

MethodCounters& CounterCache::OfLocal(std::string_view path) {
  size_t slash = path.rfind('/');
  std::string_view service = path.substr(1, slash - 1), method = path.substr(slash + 1);
  for (auto& entry : local_) {
    if (entry->service == service && entry->method == method) return entry->counters;
  }
  bool streaming = method == "Watch" || method == "ServerReflectionInfo";
  local_.push_back(
      std::make_unique<Entry>(MakeEntry(streaming ? "server_stream" : "unary", service, method)));
  return local_.back()->counters;
}

MethodCounters& CounterCache::OfUnknown() {
  if (unknown_ == nullptr) {
    unknown_ = std::make_unique<Entry>(MakeEntry("unknown", "unknown", "unknown"));
  }
  return unknown_->counters;
}

prometheus::Counter& CounterCache::Authentication(bool enforced, std::string_view status) {
  for (const Authentications& known : authentications_) {
    if (known.enforced == enforced && known.status == status) return *known.counter;
  }
  prometheus::Counter& counter = metrics_.authentications.Add(
      {{"enforced", enforced ? "true" : "false"}, {"status", std::string(status)}});
  authentications_.push_back({enforced, status, &counter});
  return counter;
}

}  // namespace praefect::proxy
