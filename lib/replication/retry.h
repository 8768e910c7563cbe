#pragma once

// When a copy or a delete that failed is tried again. Pure.

#include <chrono>
#include <string_view>

#include "http2/grpc.h"

namespace praefect::replication {

// Between the first two attempts; doubles with each.
inline constexpr std::chrono::milliseconds kFirstDelay{500};
inline constexpr std::chrono::milliseconds kLongestDelay{60'000};
// For what is made due again by what it waits for; should that be missed.
inline constexpr std::chrono::milliseconds kMadeDueAgain{5'000};
// So often for what may pass by itself; then the job is parked with its error, until something
// changes.
inline constexpr int kMaxAttempts = 10;

// `failed`: attempts before this one, which failed as well; `chance` is between 0 and 1.
std::chrono::milliseconds DelayAfter(int failed, double chance);

// An answer that will not change by waiting: the request is wrong, or something has to be repaired.
bool IsPermanent(http2::StatusCode code);

// A git that was killed left its lock files: `git` says so in these words.
bool SpeaksOfLockFiles(std::string_view error);

}  // namespace praefect::replication
