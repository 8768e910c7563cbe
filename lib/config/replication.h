#pragma once

#include <chrono>
#include <cstdint>

namespace praefect::config {

// `[replication]`: how writes are recorded in the books, and how replicas follow.
struct Replication {
  int64_t batch_size = 10;
  int64_t parallel_storage_processing_workers = 1;

  // How long a call that brought no OK may still be applied: after its node answered, and when
  // nobody knows.
  std::chrono::milliseconds linger{3'000};
  std::chrono::milliseconds lost_linger{600'000};
  std::chrono::milliseconds settle_timeout{30'000};  // a client waits for the record of its write
  std::chrono::milliseconds create_wait{10'000};     // a second creator waits for the first
  std::chrono::milliseconds route_timeout{1'000};    // looking a repository up in the database
  // From a beat and a record to the first byte of a write, and from a beat to any later one.
  std::chrono::milliseconds send_window{5'000};
  std::chrono::milliseconds feed_window{60'000};
  std::chrono::milliseconds beat_interval{1'000};
  int64_t beats_until_burial = 10;

  bool operator==(const Replication&) const = default;
};

}  // namespace praefect::config
