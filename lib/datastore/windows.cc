#include "datastore/windows.h"

#include <time.h>

#include <utility>

namespace praefect::datastore {

BootTime NowSinceBoot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

bool MaySend(const WindowSettings& settings, BootTime now, BootTime beat_begun,
             BootTime open_begun) {
  return now - beat_begun <= settings.send && now - open_begun <= settings.send;
}

bool MayFeed(const WindowSettings& settings, BootTime now, BootTime beat_begun) {
  return now - beat_begun <= settings.feed;
}

std::vector<Beat> BeatWatch::Observe(const std::vector<Beat>& beats, BootTime begun,
                                     BootTime answered) {
  const bool counts = !last_answered_ || begun - *last_answered_ >= settings_.beat;
  last_answered_ = answered;
  std::vector<Beat> dead;
  std::map<int64_t, Seen> now;
  for (const Beat& beat : beats) {
    if (beat.instance == self_) continue;
    const auto before = seen_.find(beat.instance);
    Seen& seen = now[beat.instance];
    seen.count = beat.count;
    if (before == seen_.end() || before->second.count != beat.count) continue;
    seen.still = before->second.still + (counts ? 1 : 0);
    if (seen.still >= settings_.beats_until_burial) dead.push_back(beat);
  }
  seen_ = std::move(now);
  return dead;
}

}  // namespace praefect::datastore
