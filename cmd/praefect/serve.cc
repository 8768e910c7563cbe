#include "serve.h"

#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <cstdio>

#include "config/load.h"
#include "daemon/daemon.h"
#include "signals.h"

namespace praefect::cmd {
namespace {

void PrintErrors(const config::LoadResult& result) {
  fmt::print(stderr, "{}\n", result.headline);
  for (const auto& problem : result.errors) fmt::print(stderr, "{}\n", problem.ToString());
  // A mistyped key is a mere warning, and often the cause of an error.
  for (const auto& problem : result.warnings) {
    fmt::print(stderr, "warning: {}\n", problem.ToString());
  }
}

// The first TERM or INT drains, the next one stops; the rest does nothing yet.
class Answer {
 public:
  explicit Answer(daemon::Daemon& daemon) : daemon_(daemon) {}

  void operator()(int signal) {
    if (signal != SIGTERM && signal != SIGINT) {
      fmt::print(stderr, "praefect: {} has no effect yet: a new configuration needs a restart\n",
                 signal == SIGHUP ? "HUP" : "USR1");
    } else if (draining_) {
      daemon_.StopNow();
    } else {
      draining_ = true;
      daemon_.RequestStop();
    }
  }

 private:
  daemon::Daemon& daemon_;
  bool draining_ = false;
};

ExitCode Run(config::LoadResult loaded) {
  Signals signals;  // before the daemon's threads
  auto daemon = daemon::Daemon::Start(
      {*std::move(loaded.config), std::move(loaded.warnings), PRAEFECT_VERSION, PRAEFECT_BUILT});
  if (!daemon.ok()) {
    const auto message = daemon.status().message();
    fmt::print(stderr, "praefect: {}\n", std::string_view(message.data(), message.size()));
    return kFailed;
  }
  signals.Deliver(Answer(**daemon));
  (*daemon)->Wait();
  return kDone;
}

}  // namespace

ExitCode Serve(const std::string& config_path) {
  auto loaded = config::Load(config_path);
  if (loaded.config) return Run(std::move(loaded));
  PrintErrors(loaded);
  return kBrokenConfiguration;
}

}  // namespace praefect::cmd
