// minigitaly: a small stand-in for Gitaly, for demonstrations and tests of Praefect. It serves a
// part of Gitaly's RPCs over real bare git repositories by running git. It is not Gitaly, knows
// nothing of Gitaly's care for data, and is never installed.

#include <signal.h>
#include <stdio.h>

#include "options.h"
#include "server.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

constexpr std::chrono::seconds kStopGrace{1};

// Blocked in every thread from the start on, so that only WaitForSignal sees them.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

int Fail(const absl::Status& status) {
  const std::string message(status.message());
  fprintf(stderr, "minigitaly: %s\n", message.c_str());
  return 1;
}

int Serve(const Options& options, const sigset_t& stop_signals) {
  absl::StatusOr<Storages> storages = Storages::Open(options.storages);
  if (!storages.ok()) return Fail(storages.status());
  absl::StatusOr<std::unique_ptr<Recorder>> recorder = Recorder::Open(options.record_file);
  if (!recorder.ok()) return Fail(recorder.status());

  const Node node{*std::move(storages), options.ssh_helper, !options.not_serving,
                  options.unreadable,   options.unwritable, options.release};
  MethodTable table;
  AddAllMethods(node, table);
  RemoveLaterMethods(node.release, table);
  const FaultBoard faults(options.faults, options.fault_file);
  StaleLocks locks(node.storages);
  Dispatcher dispatcher({options.token, options.health_without_token, options.explain_refusals,
                         options.clock_offset_seconds},
                        table, faults, **recorder, locks);
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(options.listen, options.tls, dispatcher);
  if (!server.ok()) return Fail(server.status());

  printf("listening on %s\n", (*server)->address().c_str());
  fflush(stdout);
  int received = 0;
  sigwait(&stop_signals, &received);
  (*server)->Stop(kStopGrace);
  return 0;
}

}  // namespace
}  // namespace praefect::minigitaly

int main(int argc, char** argv) {
  using namespace praefect::minigitaly;
  const sigset_t stop_signals = BlockStopSignals();
  const std::variant<Options, int> parsed = ParseOptions(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  return Serve(std::get<Options>(parsed), stop_signals);
}
