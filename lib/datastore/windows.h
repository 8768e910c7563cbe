#pragma once

// Who may still act for an instance, by counters and by time since boot; hosts' clocks are never
// compared. Pure: times are arguments, of CLOCK_BOOTTIME, which goes on while a machine sleeps.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "datastore/store.h"

namespace praefect::datastore {

using BootTime = std::chrono::nanoseconds;

BootTime NowSinceBoot();

// `[replication]`, which is where their order is checked (config/replication_rules.h).
struct WindowSettings {
  std::chrono::milliseconds send{5'000};  // since the beat and the open were handed to the database
  std::chrono::milliseconds beat{1'000};
  int beats_until_burial = 10;
  std::chrono::milliseconds feed{60'000};  // since the beat: for every later byte of a call
  std::chrono::milliseconds lost_linger{600'000};
};

// A call that may change a replica is handed to the socket only so; outside of it its open is
// repeated.
bool MaySend(const WindowSettings& settings, BootTime now, BootTime beat_begun,
             BootTime open_begun);
// Else its connection is closed. An instance whose last beat is older than this starts over.
bool MayFeed(const WindowSettings& settings, BootTime now, BootTime beat_begun);

// What one instance sees of the others' counters, beat by beat of its own.
class BeatWatch {
 public:
  BeatWatch(int64_t self, const WindowSettings& settings) : self_(self), settings_(settings) {}

  // After a successful beat of our own, begun and answered at these times: those whose counter
  // stood still over enough of them, with what was seen, for Store::Bury. Beats of ours that came
  // too quickly after one another do not count: they may have been held up and let go together.
  std::vector<Beat> Observe(const std::vector<Beat>& beats, BootTime begun, BootTime answered);

 private:
  struct Seen {
    int64_t count = 0;
    int still = 0;  // beats of ours since it moved
  };

  const int64_t self_;
  const WindowSettings settings_;
  std::optional<BootTime> last_answered_;
  std::map<int64_t, Seen> seen_;
};

}  // namespace praefect::datastore
