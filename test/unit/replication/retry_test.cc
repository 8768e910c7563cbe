#include "replication/retry.h"

#include <catch2/catch.hpp>

namespace praefect::replication {
namespace {

using http2::StatusCode;

TEST_CASE("pauses double up to the longest, half of each by chance") {
  CHECK(DelayAfter(0, 0) == kFirstDelay / 2);
  CHECK(DelayAfter(0, 1) == kFirstDelay);
  CHECK(DelayAfter(1, 1) == 2 * kFirstDelay);
  CHECK(DelayAfter(3, 0.5) == 6 * kFirstDelay);
  CHECK(DelayAfter(1'000'000, 1) == kLongestDelay);
  CHECK(DelayAfter(1'000'000, 0) == kLongestDelay / 2);
}

TEST_CASE("what passes by itself is not permanent") {
  for (const StatusCode code :
       {StatusCode::kUnavailable, StatusCode::kInternal, StatusCode::kDeadlineExceeded,
        StatusCode::kResourceExhausted, StatusCode::kNotFound, StatusCode::kCanceled}) {
    CAPTURE(static_cast<int>(code));
    CHECK_FALSE(IsPermanent(code));
  }
  CHECK(IsPermanent(StatusCode::kUnimplemented));
  CHECK(IsPermanent(StatusCode::kInvalidArgument));
  CHECK(IsPermanent(StatusCode::kUnauthenticated));
}

TEST_CASE("lock files are known by git's own words") {
  CHECK(
      SpeaksOfLockFiles("error: cannot lock ref 'refs/heads/main': Unable to create "
                        "'/srv/a.git/refs/heads/main.lock': File exists."));
  CHECK_FALSE(SpeaksOfLockFiles("fatal: not a git repository"));
}

}  // namespace
}  // namespace praefect::replication
