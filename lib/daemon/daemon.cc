#include "daemon/daemon.h"

#include <absl/synchronization/mutex.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "daemon/admin_http.h"
#include "daemon/readiness.h"
#include "gitaly/method.h"
#include "nodes/manager.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "observe/mutex.h"
#include "proxy/server.h"
#include "service/local_server.h"

namespace praefect::daemon {
namespace {

using Clock = std::chrono::steady_clock;

observe::Level LevelOf(const config::Logging& logging) {
  return observe::ParseLevel(logging.level).value_or(observe::Level::kInfo);
}

absl::StatusOr<std::unique_ptr<observe::Logger>> LoggerFor(const config::Logging& logging) {
  const observe::LoggerOptions options{
      .format = observe::ParseFormat(logging.format).value_or(observe::Format::kText),
      .level = LevelOf(logging)};
  if (logging.file.empty()) return observe::MakeLogger(options);
  auto logger = observe::OpenLogger(options, logging.file);
  if (logger.ok()) return logger;
  const auto message = logger.status().message();
  return absl::Status(
      logger.status().code(),
      fmt::format("logging.file: cannot {}", std::string_view(message.data(), message.size())));
}

void LogWarnings(observe::Logger& logger, const std::vector<config::Problem>& warnings) {
  for (const config::Problem& warning : warnings) {
    logger.Warn(warning.message, {{"file", warning.file},
                                  {"line", int64_t{warning.line}},
                                  {"key", warning.key},
                                  {"suggestion", warning.suggestion}});
  }
}

// When stopping begins and when it must end.
class StopSignal {
 public:
  void Request() {
    observe::MutexLock lock(mutex_);
    requested_ = true;
    changed_.NotifyAll();
  }
  void Now() {
    observe::MutexLock lock(mutex_);
    requested_ = now_ = true;
    changed_.NotifyAll();
  }
  void WaitForRequest() {
    observe::MutexLock lock(mutex_);
    while (!requested_) changed_.Wait(lock);
  }
  bool requested() const {
    observe::MutexLock lock(mutex_);
    return requested_;
  }
  bool now() const {
    observe::MutexLock lock(mutex_);
    return now_;
  }

 private:
  mutable observe::Mutex mutex_;
  observe::Condition changed_;
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool now_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

// Members are in the order in which they start; what comes later may use what comes before.
class Daemon::Impl {
 public:
  Impl(Startup startup, std::unique_ptr<observe::Logger> logger)
      : config_(std::make_shared<const config::Config>(std::move(startup.config))),
        logger_(std::move(logger)),
        metrics_(startup.version, startup.built, *logger_),
        nodes_(*config_, *logger_, metrics_.registry()),
        local_(nodes_, *logger_) {
    logger_->Info("Starting praefect", {{"version", startup.version}});
    LogWarnings(*logger_, startup.warnings);
  }

  ~Impl() {
    StopNow();
    Wait();
    StopParts();  // of a start that failed half-way
  }

  absl::Status Start() {
    for (const auto step : {&Impl::BuildRegistry, &Impl::StartLocal, &Impl::Bind}) {
      if (const absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    nodes_.Start();
    proxy_->Start();
    if (admin_ != nullptr) admin_->Start();
    stopper_ = std::thread([this] { StopWhenAsked(); });
    return absl::OkStatus();
  }

  void RequestStop() { stop_.Request(); }
  void StopNow() { stop_.Now(); }
  void Wait() {
    observe::MutexLock lock(join_);
    if (stopper_.joinable()) stopper_.join();
  }

  std::vector<config::Address> addresses() const { return proxy_->addresses(); }
  int admin_port() const { return admin_ == nullptr ? 0 : admin_->port(); }

 private:
  // How soon StopNow is noticed while clients are still leaving.
  static constexpr std::chrono::milliseconds kGlance{20};
  // For the status of calls that were ended to reach their clients.
  static constexpr std::chrono::milliseconds kLastWords{1'000};

  absl::Status BuildRegistry() {
    auto methods = gitaly::MethodRegistry::Build();
    if (!methods.ok()) return methods.status();
    methods_ = *std::move(methods);
    return absl::OkStatus();
  }

  absl::Status StartLocal() {
    local_endpoint_.connect = [this] { return local_.Connect(); };
    local_endpoint_.methods.assign(local_.methods().begin(), local_.methods().end());
    return local_.Start();
  }

  absl::Status Bind() {
    auto proxy = proxy::Server::Listen(
        {config_, *methods_, nodes_, local_endpoint_, *logger_, metrics_.registry()});
    if (!proxy.ok()) return proxy.status();
    proxy_ = *std::move(proxy);
    if (config_->prometheus_listen_addr.empty()) return absl::OkStatus();
    auto admin = AdminHttp::Listen(
        config_->prometheus_listen_addr,
        {[this] { return metrics_.Render(); }, [this] { return metrics_.RenderDatabase(); },
         [this](Purpose purpose) {
           return CheckReadiness(*nodes_.snapshot(), stop_.requested(), purpose);
         }});
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    logger_->Info("Starting prometheus listener", {{"address", AdminAddress()}});
    return absl::OkStatus();
  }

  // As configured, with the port that was bound: 0 means one that the kernel chose.
  std::string AdminAddress() const {
    const std::string& configured = config_->prometheus_listen_addr;
    return configured.substr(0, configured.rfind(':') + 1) + std::to_string(admin_->port());
  }

  void StopWhenAsked() {
    stop_.WaitForRequest();
    local_.SetDraining();
    Drain();
    EndCalls();
    StopParts();
    logger_->Info("Praefect has stopped");
  }

  void Drain() {
    const auto timeout = config_->graceful_stop_timeout;
    logger_->Info("shutting down: waiting for clients to finish",
                  {{"graceful_stop_timeout_ms", int64_t{timeout.count()}}});
    proxy_->Drain();
    const auto deadline = Clock::now() + timeout;
    while (!proxy_->WaitDrained(std::min(deadline, Clock::now() + kGlance))) {
      if (stop_.now()) return logger_->Warn("told to stop now: ending the calls that are open");
      if (Clock::now() >= deadline) {
        return logger_->Warn("grace period expired: ending the calls that are open");
      }
    }
  }

  // A client that reads learns why its call ends, however little time there is.
  void EndCalls() {
    proxy_->EndCalls();
    if (!proxy_->WaitDrained(Clock::now() + kLastWords)) {
      logger_->Warn("closing connections of clients that do not leave");
    }
  }

  // Nobody calls into the proxy any more before it goes; it uses the local server to the end.
  void StopParts() {
    nodes_.Stop();
    if (proxy_ != nullptr) proxy_->Stop();
    local_.Stop();
  }

  std::shared_ptr<const config::Config> config_;
  const std::unique_ptr<observe::Logger> logger_;
  observe::Metrics metrics_;
  std::unique_ptr<const gitaly::MethodRegistry> methods_;
  nodes::Manager nodes_;
  service::LocalServer local_;
  proxy::LocalEndpoint local_endpoint_;
  std::unique_ptr<proxy::Server> proxy_;
  std::unique_ptr<AdminHttp> admin_;
  StopSignal stop_;
  observe::Mutex join_;
  std::thread stopper_;
};

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(Startup startup) {
  // Debian builds abseil with a detector of deadlocks that costs every lock of the gRPC library.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  auto logger = LoggerFor(startup.config.logging);
  if (!logger.ok()) return logger.status();
  auto impl = std::make_unique<Impl>(std::move(startup), *std::move(logger));
  if (const absl::Status started = impl->Start(); !started.ok()) return started;
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

void Daemon::RequestStop() { impl_->RequestStop(); }
void Daemon::StopNow() { impl_->StopNow(); }
void Daemon::Wait() { impl_->Wait(); }
std::vector<config::Address> Daemon::addresses() const { return impl_->addresses(); }
int Daemon::admin_port() const { return impl_->admin_port(); }

}  // namespace praefect::daemon
