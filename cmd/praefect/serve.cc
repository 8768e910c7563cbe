#include "serve.h"

#include <fmt/format.h>
#include <signal.h>

#include <string_view>

#include "config/load.h"
#include "daemon/daemon.h"
#include "invocation.h"
#include "load_config.h"
#include "open_files.h"
#include "output.h"
#include "pid_file.h"
#include "service_manager.h"
#include "signals.h"

namespace praefect::cmd {
namespace {

// The first TERM or INT drains, the next one stops; HUP and USR1 are for what changed meanwhile.
class Answer {
 public:
  explicit Answer(daemon::Daemon& daemon) : daemon_(daemon) {}

  void operator()(int signal) {
    if (signal == SIGHUP) {
      daemon_.Reload();
    } else if (signal == SIGUSR1) {
      daemon_.ReopenLog();
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

ExitCode Fail(const absl::Status& status) {
  const auto message = status.message();
  PrintError(fmt::format("praefect: {}", std::string_view(message.data(), message.size())));
  return kFailed;
}

ExitCode Run(config::LoadResult loaded) {
  Signals signals;  // before the daemon's threads
  auto daemon = daemon::Daemon::Start({*std::move(loaded.config), std::move(loaded.warnings),
                                       PRAEFECT_VERSION, PRAEFECT_BUILT, FindSupervisor(),
                                       TakeInheritedSockets()});
  if (!daemon.ok()) return Fail(daemon.status());
  const auto pid_file = PidFile::FromEnvironment();  // whoever reads it may send signals
  if (!pid_file.ok()) return Fail(pid_file.status());
  signals.Deliver(Answer(**daemon));
  const absl::Status end = (*daemon)->Wait();
  signals.End();
  return end.ok() ? kDone : Fail(end);
}

// Clients that find no descriptor wait, unlike those beyond max_connections, who are told.
void WarnOfFewDescriptors(uint64_t open_files, config::LoadResult& loaded) {
  const uint32_t connections = loaded.config->limits.max_connections;
  if (connections <= open_files) return;
  config::Problem problem;
  problem.file = loaded.config->path;
  problem.key = "limits.max_connections";
  problem.message =
      fmt::format("{} connections, and only {} files may be open", connections, open_files);
  problem.suggestion = "raise the limit of open files (ulimit -Hn, LimitNOFILE=), or lower it";
  loaded.warnings.push_back(std::move(problem));
}

ExitCode LoadAndRun(const Invocation& invocation) {
  auto loaded = config::Load(invocation.config_path);
  const uint64_t open_files = RaiseOpenFilesLimit();
  if (loaded.config) {
    WarnOfFewDescriptors(open_files, loaded);
    return Run(std::move(loaded));
  }
  PrintProblems(loaded);
  return kBrokenConfiguration;
}

}  // namespace

const Command kServe = {
    "serve", "Run the proxy; also when no command is given",
    "Reads the configuration, opens the listeners and relays calls to the Gitaly\n"
    "nodes until it is told to stop. It logs on standard output, or to logging.file.\n"
    "\n"
    "TERM or INT stops it: it is not ready any more, goes on for graceful_stop_delay,\n"
    "then takes no new calls; running ones may end within graceful_stop_timeout. A\n"
    "second TERM or INT ends them at once. HUP reads the configuration again: nodes,\n"
    "tokens, certificates, limits and log level are applied without a call dropped; a\n"
    "broken file changes nothing, and the log says why. USR1 reopens the log file.\n"
    "\n"
    "PostgreSQL must have been made ready by sql-migrate; while it is away, serve\n"
    "starts, says that it is not ready, and keeps trying. Without [database] the\n"
    "books are in an embedded store, a file that serve makes and looks after.\n"
    "\n"
    "Exit status: 0 after a stop, 1 when it cannot start (an address is in use, for\n"
    "instance), 78 when the configuration is broken and a restart would not help.",
    "praefect -config /etc/praefect/config.toml serve", &LoadAndRun};

}  // namespace praefect::cmd
