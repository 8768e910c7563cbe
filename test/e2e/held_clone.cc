#include "e2e/held_clone.h"

#include <fmt/format.h>

#include <stdexcept>

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

// Stands where ssh would: what comes from the server goes through a gate. Unbuffered, since git
// waits for every word of the server.
constexpr char kGatedSsh[] =
    "#!/bin/bash\n"
    "'{program}' \"$@\" | {{\n"
    "  stdbuf -o0 head -c {bytes}\n"
    "  : >'{folder}/held'\n"
    "  while [ ! -e '{folder}/go' ]; do sleep 0.02; done\n"
    "  exec cat\n"
    "}}\n"
    "exit \"${{PIPESTATUS[0]}}\"\n";

fs::path NewFolder(const fs::path& folder) {
  fs::create_directory(folder);
  return folder;
}

}  // namespace

HeldClone::HeldClone(Cluster& cluster, const std::string& relative_path, size_t bytes)
    : folder_(NewFolder(cluster.Scratch("held"))) {
  WriteFile(folder_ / "ssh",
            fmt::format(kGatedSsh, fmt::arg("program", GIT_SSH_PROGRAM), fmt::arg("bytes", bytes),
                        fmt::arg("folder", folder_.string())));
  fs::permissions(folder_ / "ssh", fs::perms::owner_all);
  clone_ = std::async(std::launch::async, [&cluster, relative_path, ssh = folder_ / "ssh"] {
    return cluster.TryClone(relative_path, {{"GIT_SSH_COMMAND", ssh}});
  });
  if (!Eventually([&] { return fs::exists(folder_ / "held"); })) {
    LetGo();
    throw std::runtime_error("the clone never came so far: " + clone_.get().error);
  }
}

HeldClone::~HeldClone() { LetGo(); }

void HeldClone::LetGo() { WriteFile(folder_ / "go", ""); }

Outcome HeldClone::LetGoAndWait() {
  LetGo();
  return clone_.get();
}

}  // namespace praefect::test
