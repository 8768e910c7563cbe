#pragma once

// What the replication counts. Names and labels are upstream's where it has them.

#include "config/config.h"
#include "observe/registry.h"

namespace praefect::replication {

struct Metrics {
  Metrics(observe::Registry& registry, const config::Prometheus& settings);

  observe::GaugeFamily& in_flight;     // virtual_storage, gitaly_storage, change_type
  observe::HistogramFamily& delay;     // type; seconds from a job's being wanted to its first run
  observe::HistogramFamily& latency;   // type; seconds from the start of a run to its proof
  observe::CounterFamily& runs;        // virtual_storage, storage, type, result
  observe::CounterFamily& mismatches;  // virtual_storage, storage: contents that had to be equal
  prometheus::Counter& swept;          // repositories whose jobs were missing
  prometheus::Counter& disks_taken;    // of storages that came back empty
};

}  // namespace praefect::replication
