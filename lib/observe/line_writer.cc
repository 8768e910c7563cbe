#include "observe/line_writer.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "observe/thread.h"

namespace praefect::observe {
namespace {

using Clock = std::chrono::steady_clock;

bool IsRegularFile(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

// A pipe whose reader is gone must end in EPIPE, not in the end of the process. Whoever writes to
// it is this thread alone, so the signal is blocked here and nothing of the process is changed.
void BlockPipeSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

LineWriter::LineWriter(int fd)
    : fd_(fd),
      regular_file_(IsRegularFile(fd)),
      wanted_fd_(fd),
      used_fd_(fd),
      thread_(StartThread("log", [this] { Run(); })) {}

LineWriter::~LineWriter() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyOne();
  }
  thread_.join();
}

bool LineWriter::Append(std::string_view line, bool now) {
  MutexLock lock(mutex_);
  if (buffer_.size() + line.size() > kMaxBufferedBytes) return false;
  const bool first = buffer_.empty();
  buffer_.append(line);
  appended_bytes_ += line.size();
  const bool becomes_urgent = (now || buffer_.size() >= kWriteAtBytes) && !urgent_;
  if (becomes_urgent) urgent_ = true;
  if (first || becomes_urgent) work_.NotifyOne();
  return true;
}

void LineWriter::Flush() {
  const auto deadline = Clock::now() + kMaxStall;
  MutexLock lock(mutex_);
  const uint64_t until = appended_bytes_;
  urgent_ = true;
  work_.NotifyOne();
  while (settled_bytes_ < until && written_.WaitUntil(lock, deadline)) {
  }
}

bool LineWriter::Redirect(int fd) {
  const auto deadline = Clock::now() + kMaxStall;
  MutexLock lock(mutex_);
  wanted_fd_ = fd;
  urgent_ = true;
  work_.NotifyOne();
  while (used_fd_ != fd && written_.WaitUntil(lock, deadline)) {
  }
  wanted_fd_ = used_fd_;
  return used_fd_ == fd;
}

LogLosses LineWriter::losses() const { return {lost_lines_, write_errors_}; }

void LineWriter::Run() {
  BlockPipeSignal();
  std::string lines;
  while (Take(lines)) {
    failing_ = !WriteAll(lines);
    MutexLock lock(mutex_);
    settled_bytes_ += lines.size();
    written_.NotifyAll();
  }
}

bool LineWriter::Take(std::string& lines) {
  lines.clear();
  MutexLock lock(mutex_);
  while (buffer_.empty() && !urgent_ && !stopping_) work_.Wait(lock);
  const auto deadline = Clock::now() + kMaxDelay;
  while (!urgent_ && !stopping_ && work_.WaitUntil(lock, deadline)) {
  }
  urgent_ = false;
  lines.swap(buffer_);
  if (fd_ != wanted_fd_) {
    fd_ = used_fd_ = wanted_fd_;
    regular_file_ = IsRegularFile(fd_);
    inside_line_ = false;
    written_.NotifyAll();
  }
  return !lines.empty() || !stopping_;
}

bool LineWriter::WriteAll(std::string_view bytes) {
  if (inside_line_) {  // the rest of that line is lost; what comes now is whole
    std::string_view line_end = "\n";
    if (!WriteSome(line_end, Clock::now() + kMaxStall)) return Drop(bytes);
    inside_line_ = false;
  }
  while (!bytes.empty()) {
    const char* before = bytes.data();
    if (!WriteSome(bytes, Clock::now() + kMaxStall)) return Drop(bytes);
    inside_line_ = bytes.data() > before && bytes.data()[-1] != '\n';
  }
  return true;
}

bool LineWriter::Drop(std::string_view bytes) {
  ++write_errors_;
  lost_lines_ += std::count(bytes.begin(), bytes.end(), '\n');
  return false;
}

// Removes what was written from `bytes`; false when nothing was, until `deadline` or for an error.
bool LineWriter::WriteSome(std::string_view& bytes, Clock::time_point deadline) {
  // After poll a pipe or a terminal takes this much without making the writer wait.
  const size_t piece = regular_file_ ? SIZE_MAX : PIPE_BUF;
  while (WaitWritable(deadline)) {
    const ssize_t n = write(fd_, bytes.data(), std::min(bytes.size(), piece));
    if (n > 0) {
      bytes.remove_prefix(n);
      return true;
    }
    if (errno != EINTR && errno != EAGAIN) return false;
  }
  return false;
}

bool LineWriter::WaitWritable(Clock::time_point deadline) const {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd writable{fd_, POLLOUT, 0};
  // An interrupted wait and an error condition both leave it to write() to say what is the matter.
  return poll(&writable, 1, static_cast<int>(std::max<int64_t>(left, 0))) != 0;
}

}  // namespace praefect::observe
