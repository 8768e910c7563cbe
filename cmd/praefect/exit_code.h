#pragma once

namespace praefect::cmd {

// What the process says when it ends; scripts and systemd rely on these numbers.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kWrongUsage = 2,
  kBrokenConfiguration = 78,  // of serve: a restart cannot cure it (RestartPreventExitStatus)
};

}  // namespace praefect::cmd
