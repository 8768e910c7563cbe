#pragma once

// Takes lines from any thread and writes them to a file descriptor from a thread of its own, so
// that a full disk or a reader that stalls costs lines, and never the time of a caller.

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "observe/log.h"
#include "observe/mutex.h"

namespace praefect::observe {

class LineWriter {
 public:
  // Ours are 400 to 900 bytes long: some thousands of lines wait here while a reader stalls.
  static constexpr size_t kMaxBufferedBytes = 4 << 20;
  // From here on a line is not left to wait for others.
  static constexpr size_t kWriteAtBytes = 64 << 10;
  // From the first line that waits.
  static constexpr std::chrono::milliseconds kMaxDelay{100};
  // How long the reader may take nothing until what is in hand is dropped; also the longest that
  // Flush and the destructor wait.
  static constexpr std::chrono::milliseconds kMaxStall{1'000};

  explicit LineWriter(int fd);  // borrowed
  ~LineWriter();                // writes what it holds
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // `line` ends in '\n'. False: not taken and not counted, because the buffer is full. `now` does
  // not let the line wait for others.
  bool Append(std::string_view line, bool now);
  // Waits until everything appended before was written or dropped, kMaxStall at most.
  void Flush();
  // Writes to `fd` from now on, which stays the caller's; lines that wait go there too. False, and
  // nothing changed, when a write to the old one does not end within kMaxStall. One at a time.
  bool Redirect(int fd);
  // Lines taken by Append that were not written.
  LogLosses losses() const;
  // The last attempt to write did not succeed.
  bool failing() const { return failing_; }

 private:
  void Run();
  // Waits for work and takes it; false when there is none left and the writer stops.
  bool Take(std::string& lines);
  bool WriteAll(std::string_view bytes);
  bool Drop(std::string_view bytes);  // false, for the caller to pass on
  bool WriteSome(std::string_view& bytes, std::chrono::steady_clock::time_point deadline);
  bool WaitWritable(std::chrono::steady_clock::time_point deadline) const;

  // The writing thread's.
  int fd_;
  bool regular_file_;
  bool inside_line_ = false;  // the last write failed after a part of a line

  std::atomic<uint64_t> lost_lines_{0};
  std::atomic<uint64_t> write_errors_{0};
  std::atomic<bool> failing_{false};

  mutable Mutex mutex_;
  Condition work_;     // for the writing thread
  Condition written_;  // for those who flush
  std::string buffer_ ABSL_GUARDED_BY(mutex_);
  bool urgent_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int wanted_fd_ ABSL_GUARDED_BY(mutex_);
  int used_fd_ ABSL_GUARDED_BY(mutex_);
  uint64_t appended_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t settled_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // written or dropped

  std::thread thread_;  // last: it uses everything above
};

}  // namespace praefect::observe
