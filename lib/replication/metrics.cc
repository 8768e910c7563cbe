#include "replication/metrics.h"

namespace praefect::replication {
namespace {

std::vector<double> Buckets(const config::Prometheus& settings) {
  if (!settings.grpc_latency_buckets.empty()) return settings.grpc_latency_buckets;
  return {0.001, 0.005, 0.025, 0.1, 0.5, 1, 10, 30, 60, 300, 1'500};
}

}  // namespace

Metrics::Metrics(observe::Registry& registry, const config::Prometheus& settings)
    : in_flight(registry.Gauges("gitaly_praefect_replication_jobs",
                                "Copies and deletes that are running")),
      delay(registry.Histograms("gitaly_praefect_replication_delay",
                                "Seconds from a copy's or delete's being wanted to its first run",
                                Buckets(settings))),
      latency(registry.Histograms("gitaly_praefect_replication_latency",
                                  "Seconds that a copy or delete took, from its start to its proof",
                                  Buckets(settings))),
      runs(registry.Counters("gitaly_praefect_replication_runs_total",
                             "Copies and deletes that were begun, by how they ended")),
      mismatches(registry.Counters(
          "gitaly_praefect_replication_checksum_mismatches_total",
          "Copies that differed from their source while nothing was written to it")),
      swept(registry.Counter("gitaly_praefect_replication_jobs_swept_total",
                             "Repositories that lacked a job and were given it")),
      disks_taken(registry.Counter("gitaly_praefect_disks_taken_total",
                                   "Storages that came back empty and are filled up again")) {}

}  // namespace praefect::replication
