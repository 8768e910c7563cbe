#pragma once

namespace praefect::cmd {

// What the process says when it ends; scripts and systemd rely on these numbers.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kWrongUsage = 2,
  kFindings = 2,              // of `configuration validate`, as upstream
  kBrokenConfiguration = 78,  // of serve: a restart cannot cure it (RestartPreventExitStatus)
  kInterrupted = 130,         // by INT (Ctrl-C), of every command but serve
};

}  // namespace praefect::cmd
