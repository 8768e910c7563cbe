#include "db/sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string.h>
#include <fstream>
#include <utility>

namespace praefect::db {
namespace {

absl::Status OpenError(const std::string& path, int error) {
  const std::string message = fmt::format(
      "open the embedded store {}: {}; check embedded_store.path", path, strerror(error));
  const bool denied = error == EACCES || error == EPERM || error == EROFS;
  return denied ? absl::PermissionDeniedError(message) : absl::UnavailableError(message);
}

// Readable or writable by nobody but its owner.
void MakePrivate(int fd, const std::string& path, observe::Logger& logger) {
  struct stat status {};
  if (fstat(fd, &status) != 0 || (status.st_mode & 077) == 0) return;
  const bool done = fchmod(fd, 0600) == 0;
  logger.Warn(done ? "the embedded store could be used by others: its mode is 0600 now"
                   : "the embedded store can be used by others: change its mode to 0600",
              {{"path", std::string_view(path)}});
}

void MakePrivate(const std::string& path, observe::Logger& logger) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  MakePrivate(fd, path, logger);
  close(fd);
}

// The process that has a lock on `inode`, by the kernel's list; 0 when none is listed.
pid_t LockHolder(ino_t inode) {
  std::ifstream locks("/proc/locks");
  // 1: POSIX  ADVISORY  WRITE 1234 fd:01:5678 0 EOF
  for (std::string line; std::getline(locks, line);) {
    char place[64] = "";
    int pid = 0;
    unsigned long long locked = 0;
    if (sscanf(line.c_str(), "%*s %*s %*s %*s %d %63s", &pid, place) != 2) continue;
    const char* last = strrchr(place, ':');
    if (last == nullptr || sscanf(last + 1, "%llu", &locked) != 1) continue;
    if (locked == inode && pid > 0 && pid != getpid()) return pid;
  }
  return 0;
}

}  // namespace

absl::StatusOr<SqliteFile> SqliteFile::Lock(const std::string& path, observe::Logger& logger) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return OpenError(path, errno);
  SqliteFile file(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("open the embedded store {}: {} uses it, and only one may; stop it first", path,
                    HolderOf(path)));
  }
  MakePrivate(fd, path, logger);
  for (const char* suffix : {"-wal", "-shm"}) MakePrivate(path + suffix, logger);
  return file;
}

SqliteFile::SqliteFile(SqliteFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

SqliteFile::~SqliteFile() {
  if (fd_ >= 0) close(fd_);
}

std::string HolderOf(const std::string& path) {
  for (const char* suffix : {"", "-shm", "-wal"}) {
    struct stat status {};
    if (stat((path + suffix).c_str(), &status) != 0) continue;
    const pid_t pid = LockHolder(status.st_ino);
    if (pid == 0) continue;
    std::string name;
    std::getline(std::ifstream(fmt::format("/proc/{}/comm", pid)), name);
    return fmt::format("process {} ({})", pid, name);
  }
  return "another process";
}

}  // namespace praefect::db
