#include "signals.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "observe/thread.h"

namespace praefect::cmd {
namespace {

constexpr int kWakeUp = SIGUSR2;  // ends the thread; from outside it does nothing

sigset_t Taken() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, kWakeUp}) sigaddset(&set, signal);
  return set;
}

}  // namespace

Signals::Signals() {
  const sigset_t taken = Taken();
  pthread_sigmask(SIG_BLOCK, &taken, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

Signals::~Signals() { End(); }

void Signals::End() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  pthread_kill(thread_.native_handle(), kWakeUp);
  thread_.join();
}

void Signals::Deliver(std::function<void(int)> handler) {
  handler_ = std::move(handler);
  thread_ = observe::StartThread("signals", [this] { Run(); });
}

void Signals::Run() {
  const sigset_t taken = Taken();
  while (!stopping_) {
    int signal = 0;
    if (sigwait(&taken, &signal) == 0 && signal != kWakeUp) handler_(signal);
  }
}

}  // namespace praefect::cmd
