#include "proxy/counter_cache.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "gitaly/method_names.h"

namespace praefect::proxy {
namespace {

constexpr char kUnknown[] = "unknown";
constexpr char kOther[] = "other";
constexpr size_t kMaxKey = 512;  // bytes of one that is remembered

std::string CodeLabel(http2::StatusCode code) { return std::string(http2::StatusName(code)); }

// Anything else than printable ASCII could make the whole page unreadable to Prometheus.
std::string ClientValue(std::string_view value, const char* if_empty) {
  if (value.empty()) return if_empty;
  const bool fits =
      value.size() <= CounterCache::kMaxClientValue &&
      std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return fits ? std::string(value) : kOther;
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

CounterCache::CounterCache(Metrics& metrics, const gitaly::MethodRegistry& methods)
    : metrics_(metrics), methods_(methods), of_methods_(methods.methods().size()) {}

std::unique_ptr<MethodCounters> CounterCache::Make(std::string_view type, std::string_view service,
                                                   std::string_view method) {
  auto made = std::make_unique<MethodCounters>();
  made->type = type;
  made->service = service;
  made->method = method;
  made->operation = made->scope = kUnknown;
  const prometheus::Labels labels = {
      {"grpc_type", made->type}, {"grpc_service", made->service}, {"grpc_method", made->method}};
  made->started = &metrics_.started.Add(labels);
  made->messages_received = &metrics_.messages_received.Add(labels);
  made->messages_sent = &metrics_.messages_sent.Add(labels);
  if (metrics_.handling != nullptr) made->handling = &metrics_.handling->Add(labels);
  return made;
}

MethodCounters& CounterCache::Of(const gitaly::Method& method) {
  auto& counters = of_methods_[static_cast<size_t>(&method - methods_.methods().data())];
  if (counters != nullptr) return *counters;
  counters = Make(gitaly::TypeName(method), method.service, method.name);
  counters->operation = gitaly::OperationName(method);
  counters->scope = gitaly::ScopeName(method);
  if (method.operation != gitaly::Operation::kUnknown) {
    counters->method_type = &metrics_.method_types.Add({{"method_type", counters->operation}});
  }
  return *counters;
}

MethodCounters& CounterCache::OfLocal(std::string_view path) {
  size_t slash = path.rfind('/');
  std::string_view service = path.substr(1, slash - 1), method = path.substr(slash + 1);
  for (auto& counters : of_local_) {
    if (counters->service == service && counters->method == method) return *counters;
  }
  bool streaming = method == "Watch" || method == "ServerReflectionInfo";
  of_local_.push_back(Make(streaming ? "server_stream" : "unary", service, method));
  return *of_local_.back();
}

MethodCounters& CounterCache::OfUnknown() {
  if (unknown_ == nullptr) unknown_ = Make(kUnknown, kUnknown, kUnknown);
  return *unknown_;
}

prometheus::Counter& CounterCache::Handled(MethodCounters& counters, http2::StatusCode code) {
  auto& handled = counters.handled[static_cast<size_t>(code)];
  if (handled == nullptr) {
    handled = &metrics_.handled.Add({{"grpc_type", counters.type},
                                     {"grpc_service", counters.service},
                                     {"grpc_method", counters.method},
                                     {"grpc_code", CodeLabel(code)}});
  }
  return *handled;
}

prometheus::Counter& CounterCache::Refusal(std::string_view reason) {
  auto found = refusals_.find(View(reason));
  if (found == refusals_.end()) {
    auto& counter = metrics_.refusals.Add({{"reason", std::string(reason)}});
    found = refusals_.emplace(std::string(reason), &counter).first;
  }
  return *found->second;
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

// Nothing is allocated for a client that was here before.
prometheus::Counter& CounterCache::OfClient(const MethodCounters& method,
                                            const ClientRequest& request) {
  key_.clear();
  absl::StrAppend(&key_, method.service, "/", method.method, "\n", View(request.client_name), "\n",
                  View(request.call_site), "\n", View(request.deadline_type), "\n",
                  int{request.has_deadline}, int{request.authenticated},
                  static_cast<int>(request.code));
  const auto found = clients_.find(key_);
  if (found != clients_.end()) return *found->second;
  return AddClient(method, request);
}

prometheus::Counter& CounterCache::AddClient(const MethodCounters& method,
                                             const ClientRequest& request) {
  prometheus::Labels labels = {
      {"client_name", ClientValue(request.client_name, kUnknown)},
      {"call_site", ClientValue(request.call_site, kUnknown)},
      {"deadline_type",
       request.has_deadline ? ClientValue(request.deadline_type, kUnknown) : "none"},
      {"auth_version", request.authenticated ? "v2" : kUnknown},
      {"grpc_service", method.service},
      {"grpc_method", method.method},
      {"grpc_code", CodeLabel(request.code)},
      {"method_operation", method.operation},
      {"method_scope", method.scope}};
  auto* counter = metrics_.client_requests.AddWithin(kMaxClientSeries, labels);
  if (counter != nullptr) {
    // Any number of keys may mean "other".
    const bool remember = key_.size() <= kMaxKey && clients_.size() < kMaxClientSeries;
    if (remember) clients_.emplace(key_, counter);
    return *counter;
  }
  metrics_.HitLimit("client_request_series");
  labels["client_name"] = labels["call_site"] = labels["deadline_type"] = kOther;
  return metrics_.client_requests.Add(labels);
}

}  // namespace praefect::proxy
