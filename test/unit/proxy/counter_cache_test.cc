#include "proxy/counter_cache.h"

#include <prometheus/text_serializer.h>

#include <catch2/catch.hpp>

namespace praefect::proxy {
namespace {

using Catch::Matchers::Contains;

// One worker's counters, and the page that they are on.
struct Counting {
  Counting() {
    auto built = gitaly::MethodRegistry::Build();
    REQUIRE(built.ok());
    methods = *std::move(built);
    metrics.emplace(registry, config::Config(), memory);
    cache.emplace(*metrics, *methods);
  }
  MethodCounters& Method(const char* path) { return cache->Of(*methods->Find(path)); }
  MethodCounters& FindAllTags() { return Method("/gitaly.RefService/FindAllTags"); }
  void Count(const ClientRequest& request) { cache->OfClient(FindAllTags(), request).Increment(); }
  std::string Page() const { return prometheus::TextSerializer().Serialize(registry.Collect()); }

  observe::Registry registry;
  http2::MemoryMeter memory;
  std::unique_ptr<const gitaly::MethodRegistry> methods;
  std::optional<Metrics> metrics;
  std::optional<CounterCache> cache;
};

TEST_CASE("a call is counted under upstream's labels") {
  Counting counting;
  counting.Count({"gitlab-web", "ref.tags", "regular", true, true, http2::StatusCode::kNotFound});
  CHECK_THAT(counting.Page(),
             Contains("gitaly_service_client_requests_total{auth_version=\"v2\",call_site=\"ref."
                      "tags\",client_name=\"gitlab-web\",deadline_type=\"regular\",grpc_code="
                      "\"NotFound\",grpc_method=\"FindAllTags\",grpc_service=\"gitaly.RefService\","
                      "method_operation=\"accessor\",method_scope=\"repository\"} 1\n"));
}

TEST_CASE("who says nothing is unknown, and without a deadline its type is none") {
  Counting counting;
  counting.Count({.deadline_type = "regular"});
  CHECK_THAT(counting.Page(), Contains("auth_version=\"unknown\",call_site=\"unknown\",client_name="
                                       "\"unknown\",deadline_type=\"none\",grpc_code=\"OK\""));
}

TEST_CASE("values that could spoil the page are other") {
  Counting counting;
  counting.Count({.client_name = "\xff\xfe", .call_site = std::string(101, 'x')});
  CHECK_THAT(counting.Page(), Contains("call_site=\"other\",client_name=\"other\""));
}

TEST_CASE("clients cannot cause more than a bounded number of series") {
  Counting counting;
  for (size_t i = 0; i < CounterCache::kMaxClientSeries + 7; ++i) {
    counting.Count({.call_site = std::to_string(i)});
  }
  CHECK(counting.metrics->client_requests.Collect().at(0).metric.size() ==
        CounterCache::kMaxClientSeries + 1);
  const std::string page = counting.Page();
  CHECK_THAT(page,
             Contains("gitaly_praefect_limit_hits_total{limit=\"client_request_series\"} 7\n"));
  CHECK_THAT(page, Contains("call_site=\"other\",client_name=\"other\",deadline_type=\"other\""));
}

TEST_CASE("a client that was there before the bound was reached is still counted as itself") {
  Counting counting;
  counting.Count({.client_name = "first"});
  for (size_t i = 0; i < CounterCache::kMaxClientSeries; ++i) {
    counting.Count({.call_site = std::to_string(i)});
  }
  CounterCache of_another_worker(*counting.metrics, *counting.methods);
  CHECK(of_another_worker.OfClient(counting.FindAllTags(), {.client_name = "first"}).Value() == 1);
}

TEST_CASE("every limit has a counter from the start") {
  Counting counting;
  for (const std::string_view limit : kLimits) {
    counting.metrics->HitLimit(limit);
    CHECK_THAT(counting.Page(), Contains("gitaly_praefect_limit_hits_total{limit=\"" +
                                         std::string(limit) + "\"} 1\n"));
  }
}

TEST_CASE("method types are upstream's") {
  Counting counting;
  counting.FindAllTags().method_type->Increment();
  counting.Method("/gitaly.OperationService/UserCommitFiles").method_type->Increment();
  CHECK_THAT(counting.Page(),
             Contains("gitaly_praefect_method_types{method_type=\"accessor\"} 1\n") &&
                 Contains("gitaly_praefect_method_types{method_type=\"mutator\"} 1\n"));
}

TEST_CASE("latency has the buckets of the configuration") {
  config::Config config;
  config.prometheus_listen_addr = "127.0.0.1:0";
  config.prometheus.grpc_latency_buckets = {.25, 2};
  observe::Registry registry;
  http2::MemoryMeter memory;
  const Metrics metrics(registry, config, memory);
  metrics.handling->Add({}).Observe(1);
  CHECK_THAT(prometheus::TextSerializer().Serialize(registry.Collect()),
             Contains("grpc_server_handling_seconds_bucket{le=\"0.25\"} 0\n"
                      "grpc_server_handling_seconds_bucket{le=\"2\"} 1\n"
                      "grpc_server_handling_seconds_bucket{le=\"+Inf\"} 1\n"));
}

}  // namespace
}  // namespace praefect::proxy
