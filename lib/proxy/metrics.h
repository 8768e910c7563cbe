#pragma once

// What the data plane counts. Names and labels are upstream's where upstream has them
// (gitaly_*, grpc_server_*); own ones begin with gitaly_praefect_.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gitaly/method.h"
#include "http2/grpc.h"

namespace praefect::proxy {

// The families, once for the process. Thread-safe.
class Metrics {
 public:
  Metrics(prometheus::Registry& registry, const config::Config& config);

  prometheus::Family<prometheus::Counter>& started;
  prometheus::Family<prometheus::Counter>& handled;
  prometheus::Family<prometheus::Histogram>* handling;  // nullptr: no admin listener
  prometheus::Family<prometheus::Counter>& authentications;
  prometheus::Family<prometheus::Counter>& authentication_errors;
  prometheus::Family<prometheus::Counter>& method_types;
  prometheus::Family<prometheus::Counter>& refusals;        // by reason
  prometheus::Family<prometheus::Counter>& connections;     // accepted, by type
  prometheus::Family<prometheus::Counter>& closures;        // of client connections, by reason
  prometheus::Family<prometheus::Counter>& tls_handshakes;  // with clients, by result
  prometheus::Family<prometheus::Gauge>& tls_not_after;     // one gauge where TLS is served
  prometheus::Counter& resent;  // calls sent again because a node never took them
  prometheus::Counter& accept_failures;
  prometheus::Counter& ended_at_stop;  // calls that graceful_stop_timeout was too short for
  prometheus::Gauge& client_connections;
  prometheus::Gauge& open_calls;
  prometheus::Gauge& buffered_bytes;
  const std::vector<double> latency_buckets;  // seconds
};

// The counters of one method, looked up once per worker.
struct MethodCounters {
  prometheus::Counter* started = nullptr;
  prometheus::Counter* method_type = nullptr;  // nullptr: neither accessor nor mutator
  std::array<prometheus::Counter*, http2::kStatusCodes> handled{};
  prometheus::Histogram* handling = nullptr;
};

// Looking a counter up by its labels costs more than a call may; each worker remembers what it
// found. For one thread.
class CounterCache {
 public:
  CounterCache(Metrics& metrics, const gitaly::MethodRegistry& methods);

  // Of a Gitaly method.
  MethodCounters& Of(const gitaly::Method& method);
  // Of a local one (health, reflection), or of a name that nobody knows, which never becomes a
  // label.
  MethodCounters& OfLocal(std::string_view path);
  MethodCounters& OfUnknown();
  // Of gitaly_authentications_total; `status` is a literal.
  prometheus::Counter& Authentication(bool enforced, std::string_view status);

 private:
  struct Entry {
    MethodCounters counters;
    std::string type, service, method;
  };
  Entry MakeEntry(std::string_view type, std::string_view service, std::string_view method);

  Metrics& metrics_;
  const gitaly::MethodRegistry& methods_;
  std::vector<std::unique_ptr<Entry>> entries_;  // by index in the registry
  std::vector<std::unique_ptr<Entry>> local_;
  std::unique_ptr<Entry> unknown_;
  struct Authentications {
    bool enforced;
    std::string_view status;
    prometheus::Counter* counter;
  };
  std::vector<Authentications> authentications_;
};

}  // namespace praefect::proxy
