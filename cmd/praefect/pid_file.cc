#include "pid_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace praefect::cmd {

absl::StatusOr<std::unique_ptr<PidFile>> PidFile::FromEnvironment() {
  const char* path = getenv("GITALY_PID_FILE");
  if (path == nullptr || *path == '\0') return nullptr;
  const std::string unfinished = fmt::format("{}.{}", path, getpid());
  errno = 0;
  const bool written = (std::ofstream(unfinished) << getpid()).flush().good();
  if (written && rename(unfinished.c_str(), path) == 0) {
    return std::unique_ptr<PidFile>(new PidFile(path));
  }
  const int error = errno;
  unlink(unfinished.c_str());
  return absl::ErrnoToStatus(error, fmt::format("GITALY_PID_FILE: cannot write \"{}\"", path));
}

PidFile::~PidFile() {
  pid_t written = 0;
  if (std::ifstream(path_) >> written && written == getpid()) unlink(path_.c_str());
}

}  // namespace praefect::cmd
