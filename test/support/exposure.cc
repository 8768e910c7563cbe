#include "support/exposure.h"

#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <utility>

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxBytes = 4 << 20;  // of one file

// One for each process of each test program.
fs::path NewFile() {
  static std::atomic<int> number{0};
  const char* folder = getenv("PRAEFECT_TEST_EXPOSURES");
  if (folder == nullptr) return {};
  return fs::path(folder) / (std::to_string(getpid()) + "-" + std::to_string(++number));
}

std::string Read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return std::move(content).str().substr(0, kMaxBytes);
}

}  // namespace

Exposure::Exposure(bool is_praefect, fs::path directory, fs::path error_file)
    : file_(is_praefect ? NewFile() : fs::path()),
      directory_(std::move(directory)),
      error_file_(std::move(error_file)) {}

Exposure::~Exposure() {
  if (file_.empty()) return;
  Add("standard output", printed_);
  AddFiles();
  std::ofstream(file_, std::ios::binary) << kept_;
}

void Exposure::Add(std::string_view what, std::string_view content) {
  if (file_.empty()) return;
  kept_.append("==== ").append(what).append("\n").append(content).append("\n");
}

void Exposure::LookAt(pid_t pid) {
  if (file_.empty() || std::exchange(looked_, true)) return;
  const fs::path entry = "/proc/" + std::to_string(pid);
  for (const char* what : {"cmdline", "environ", "comm"}) Add(what, Read(entry / what));
}

void Exposure::AddFiles() {
  if (!error_file_.empty()) Add("standard error", Read(error_file_));
  if (directory_.empty()) return;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(directory_, ignored)) {
    const bool readable =
        (entry.status(ignored).permissions() & fs::perms::others_read) != fs::perms::none;
    if (entry.is_regular_file(ignored) && readable) {
      Add("file " + entry.path().filename().string(), Read(entry.path()));
    }
  }
}

}  // namespace praefect::test
