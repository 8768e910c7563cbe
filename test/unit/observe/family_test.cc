#include "observe/family.h"

#include <prometheus/text_serializer.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "observe/registry.h"

namespace praefect::observe {
namespace {

using Catch::Matchers::Contains;

std::string Page(const prometheus::Collectable& from) {
  return prometheus::TextSerializer().Serialize(from.Collect());
}

TEST_CASE("a series is one however often it is asked for") {
  Registry registry;
  CounterFamily& calls = registry.Counters("calls_total", "Calls.");
  calls.Add({{"code", "OK"}}).Increment();
  calls.Add({{"code", "OK"}}).Increment();
  calls.Add({{"code", "Canceled"}}).Increment();
  CHECK_THAT(Page(registry), Contains("# HELP calls_total Calls.\n# TYPE calls_total counter\n") &&
                                 Contains("\ncalls_total{code=\"OK\"} 2\n") &&
                                 Contains("\ncalls_total{code=\"Canceled\"} 1\n"));
}

TEST_CASE("a bounded family makes no more series, and finds those it has") {
  Registry registry;
  CounterFamily& calls = registry.Counters("calls_total", "Calls.");
  prometheus::Counter* first = calls.AddWithin(1, {{"client", "a"}});
  REQUIRE(first != nullptr);
  CHECK(calls.AddWithin(1, {{"client", "b"}}) == nullptr);
  CHECK(calls.AddWithin(1, {{"client", "a"}}) == first);
}

TEST_CASE("a family without series is not on the page") {
  Registry registry;
  registry.Counters("calls_total", "Calls.");
  CHECK(Page(registry).empty());
}

TEST_CASE("a histogram counts a value on a bound in that bucket") {
  Registry registry;
  Histogram& seconds = registry.Histograms("wait_seconds", "Waits.", {.5, 2}).Add({});
  for (const double value : {.25, .5, 1., 4.}) seconds.Observe(value);
  CHECK_THAT(Page(registry), Contains("wait_seconds_count 4\nwait_seconds_sum 5.75\n"
                                      "wait_seconds_bucket{le=\"0.5\"} 2\n"
                                      "wait_seconds_bucket{le=\"2\"} 3\n"
                                      "wait_seconds_bucket{le=\"+Inf\"} 4\n"));
}

TEST_CASE("a gauge may be asked when somebody looks") {
  Registry registry;
  double value = 1;
  registry.AskedGauge("bytes", "Bytes.", [&] { return value; });
  value = 7;
  CHECK_THAT(Page(registry), Contains("\nbytes 7\n"));
}

TEST_CASE("families of prometheus-cpp are on the same page") {
  Registry registry;
  prometheus::BuildGauge().Name("nodes").Help("Nodes.").Register(registry).Add({}).Set(3);
  registry.Gauge("calls", "Calls.").Set(2);
  CHECK_THAT(Page(registry), Contains("\nnodes 3\n") && Contains("\ncalls 2\n"));
}

TEST_CASE("scrapes and counting need not know of each other") {
  constexpr int kSeries = 200;
  Registry registry;
  CounterFamily& calls = registry.Counters("calls_total", "Calls.");
  HistogramFamily& seconds = registry.Histograms("wait_seconds", "Waits.", {1});
  std::atomic<bool> done{false};
  std::thread scraper([&] {
    while (!done) Page(registry);
  });
  for (int i = 0; i < kSeries; ++i) {
    calls.Add({{"n", std::to_string(i)}}).Increment();
    seconds.Add({{"n", std::to_string(i)}}).Observe(i);
  }
  done = true;
  scraper.join();
  CHECK(calls.Collect().at(0).metric.size() == kSeries);
}

}  // namespace
}  // namespace praefect::observe
