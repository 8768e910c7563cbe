#include "db/database_metrics.h"

#include <string>

namespace praefect::db {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

struct Sample {
  double value = 0;
  const char* label = nullptr;  // null: none
  const char* text = nullptr;
};

MetricFamily Family(MetricType type, const char* name, const char* help,
                    const std::vector<Sample>& samples) {
  MetricFamily family{std::string("gitaly_praefect_database_") + name, help, type, {}};
  for (const Sample& sample : samples) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    metric.counter.value = sample.value;
    metric.gauge.value = sample.value;
    if (sample.label != nullptr) metric.label = {{sample.label, sample.text}};
  }
  return family;
}

template <class Number>
double Now(const std::atomic<Number>& number) {
  return static_cast<double>(number.load());
}

double Number(uint64_t number) { return static_cast<double>(number); }

}  // namespace

std::vector<MetricFamily> DatabaseMetrics::Collect() const {
  constexpr MetricType kCounter = MetricType::Counter;
  const Counters& counters = database_.counters();
  std::vector<MetricFamily> families = {
      Family(kCounter, "statements_total",
             "Statements run; BEGIN, SET LOCAL, COMMIT and ROLLBACK are none.",
             {{Now(counters.statements)}}),
      Family(kCounter, "transactions_total",
             "Transactions, by what became of them; unknown: the answer to COMMIT is missing.",
             {{Now(counters.committed), "outcome", "committed"},
              {Now(counters.failed), "outcome", "failed"},
              {Now(counters.unknown), "outcome", "unknown"}}),
      Family(kCounter, "pool_refusals_total",
             "Transactions without a connection: too many wait, or their deadline passed.",
             {{Now(counters.pool_full), "reason", "full"},
              {Now(counters.pool_expired), "reason", "expired"}}),
      Family(kCounter, "connects_total", "Attempts to connect.",
             {{Now(counters.connects), "outcome", "connected"},
              {Now(counters.failed_connects), "outcome", "failed"}}),
      Family(kCounter, "lost_connections_total", "Connections found broken when needed.",
             {{Now(counters.lost_connections)}}),
      Family(kCounter, "idle_connections_closed_total",
             "Connections that were closed because nobody used them for a minute.",
             {{Now(counters.idle_closed)}}),
      Family(MetricType::Gauge, "connections", "Connections of the pool.",
             {{Now(counters.connections)}}),
      Family(MetricType::Gauge, "busy_connections", "Connections that work on a transaction.",
             {{Now(counters.busy)}}),
      Family(MetricType::Gauge, "waiting_transactions", "Transactions that wait for a connection.",
             {{Now(counters.waiting)}}),
      {"gitaly_praefect_database_transaction_seconds",
       "Seconds that transactions took, from their connection's being free to their answer.",
       MetricType::Histogram,
       {counters.seconds.Collect()}},
  };
  if (listener_ == nullptr) return families;
  families.push_back(Family(kCounter, "listener_connects_total",
                            "Session connections that passed their test.",
                            {{Number(listener_->connects())}}));
  families.push_back(Family(kCounter, "listener_disconnects_total",
                            "Session connections that broke.",
                            {{Number(listener_->disconnects())}}));
  families.push_back(Family(kCounter, "notifications_total", "Notifications heard.",
                            {{Number(listener_->notifications())}}));
  return families;
}

}  // namespace praefect::db
