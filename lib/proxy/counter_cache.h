#pragma once

// Looking a counter up by its labels costs more than a call may; each worker remembers what it
// found. For one thread.

#include <absl/container/flat_hash_map.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gitaly/method.h"
#include "http2/grpc.h"
#include "proxy/metrics.h"

namespace praefect::proxy {

// Of one method.
struct MethodCounters {
  std::string type, service, method, operation, scope;  // values of labels
  prometheus::Counter* started = nullptr;
  prometheus::Counter* method_type = nullptr;  // nullptr: neither accessor nor mutator ...
  prometheus::Counter* messages_received = nullptr;
  prometheus::Counter* messages_sent = nullptr;
  observe::Histogram* handling = nullptr;                           // nullptr: no admin listener
  std::array<prometheus::Counter*, http2::kStatusCodes> handled{};  // nullptr: not seen yet
};

// What a client says of itself, and what became of its call. The first three come from outside.
struct ClientRequest {
  std::string_view client_name, call_site, deadline_type;  // empty: it says nothing
  bool has_deadline = false;
  bool authenticated = false;
  http2::StatusCode code = http2::StatusCode::kOk;
};

class CounterCache {
 public:
  // Series of gitaly_service_client_requests_total that clients can cause. What would be one more
  // is counted as that of the client "other".
  static constexpr size_t kMaxClientSeries = 5'000;
  // A value that is longer, or that is not printable ASCII, is "other" as well.
  static constexpr size_t kMaxClientValue = 100;

  CounterCache(Metrics& metrics, const gitaly::MethodRegistry& methods);

  // Of a Gitaly method.
  MethodCounters& Of(const gitaly::Method& method);
  // Of a local one (health, reflection), or of a name that nobody knows, which never becomes a
  // label.
  MethodCounters& OfLocal(std::string_view path);
  MethodCounters& OfUnknown();
  prometheus::Counter& Handled(MethodCounters& counters, http2::StatusCode code);
  prometheus::Counter& Refusal(std::string_view reason);
  // Of gitaly_authentications_total; `status` is a literal.
  prometheus::Counter& Authentication(bool enforced, std::string_view status);
  prometheus::Counter& OfClient(const MethodCounters& method, const ClientRequest& request);

 private:
  struct Authentications {
    bool enforced;
    std::string_view status;
    prometheus::Counter* counter;
  };
  std::unique_ptr<MethodCounters> Make(std::string_view type, std::string_view service,
                                       std::string_view method);
  prometheus::Counter& AddClient(const MethodCounters& method, const ClientRequest& request);

  Metrics& metrics_;
  const gitaly::MethodRegistry& methods_;
  std::vector<std::unique_ptr<MethodCounters>> of_methods_;  // by index in the registry
  std::vector<std::unique_ptr<MethodCounters>> of_local_;
  std::unique_ptr<MethodCounters> unknown_;
  std::vector<Authentications> authentications_;
  absl::flat_hash_map<std::string, prometheus::Counter*> refusals_;  // by reason
  absl::flat_hash_map<std::string, prometheus::Counter*> clients_;   // by all label values
  std::string key_;                                                  // scratch of OfClient
};

}  // namespace praefect::proxy
