#include "daemon/daemon.h"

#include <absl/synchronization/mutex.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "daemon/admin_http.h"
#include "daemon/bookkeeping.h"
#include "daemon/books_database.h"
#include "daemon/configuration.h"
#include "daemon/logging.h"
#include "daemon/readiness.h"
#include "daemon/stop_signal.h"
#include "gitaly/method.h"
#include "nodes/manager.h"
#include "observe/metrics.h"
#include "observe/mutex.h"
#include "observe/thread.h"
#include "proxy/server.h"
#include "service/local_server.h"

namespace praefect::daemon {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

// Members are in the order in which they start; what comes later may use what comes before.
class Daemon::Impl {
 public:
  Impl(Startup startup, std::unique_ptr<observe::Logger> logger)
      : logger_(std::move(logger)),
        metrics_(startup.version, startup.built, *logger_),
        configuration_(std::move(startup.config), *logger_, metrics_.registry()),
        nodes_(*configuration_.current(), *logger_, metrics_.registry()),
        local_(
            nodes_, *logger_, [this] { return bookkeeping_.view(); }, startup.version),
        books_(BooksSources()),
        bookkeeping_({books_, nodes_, *logger_, metrics_.registry(), metrics_.database_registry(),
                      [this](int64_t instance) { proxy_->EndInstance(instance); }}),
        handed_over_(!startup.sockets.empty()),
        hand_over_margin_(startup.hand_over_margin),
        inherited_(std::move(startup.sockets)),
        supervision_(std::move(startup.supervisor), SupervisionSources(), *logger_) {
    logger_->Info("Starting praefect", {{"version", startup.version}});
    LogProblems(*logger_, observe::Level::kWarn, startup.warnings);
  }

  ~Impl() {
    StopNow();
    Wait().IgnoreError();
    StopParts();  // of a start that failed half-way
  }

  absl::Status Start() {
    for (const auto step : {&Impl::BuildRegistry, &Impl::StartLocal, &Impl::Bind}) {
      if (const absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    nodes_.Subscribe([this](std::shared_ptr<const nodes::Snapshot> snapshot) {
      bookkeeping_.Publish(std::move(snapshot));
    });
    nodes_.Start();
    if (const absl::Status status = Serve(); !status.ok()) return status;
    supervision_.Start();
    stopper_ = observe::StartThread("stop", [this] {
      if (AwaitBooks()) StopWhenAsked();
      StopParts();
      logger_->Info("Praefect has stopped");
    });
    return absl::OkStatus();
  }

  bool Reload() {
    observe::MutexLock one_at_a_time(reload_);
    if (stop_.requested()) {
      logger_->Info("the configuration is not read again: Praefect is stopping");
      return false;
    }
    supervision_.Reloading();
    const auto config = configuration_.Reread();
    const bool succeeded = config != nullptr && Apply(config);
    configuration_.Finish(succeeded);
    supervision_.Reloaded();
    WarnOfNewerBinary();
    return succeeded;
  }

  void ReopenLog() {
    if (const absl::Status status = logger_->Reopen(); !status.ok()) {
      const auto message = status.message();
      logger_->Error("cannot reopen the log file: the old one stays in use",
                     {{"error", std::string_view(message.data(), message.size())}});
    } else {
      logger_->Info("log file reopened");
    }
  }

  void RequestStop() { stop_.Request(); }
  void StopNow() { stop_.Now(); }
  absl::Status Wait() {
    observe::MutexLock lock(join_);
    if (stopper_.joinable()) stopper_.join();
    return end_;
  }

  std::vector<config::Address> addresses() const { return proxy_->addresses(); }
  int admin_port() const { return admin_ == nullptr ? 0 : admin_->port(); }

 private:
  // How soon StopNow is noticed while clients are still leaving, and a free embedded store.
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

  BooksDatabase::Sources BooksSources() {
    const auto config = configuration_.current();
    return {config->database, config->embedded_store, *logger_, metrics_.registry(),
            [this] { local_.SetBooksUsable(); }};
  }

  // Accepts once the books are open. A successor on sockets that were handed over waits for its
  // predecessor to let go of the embedded store (AwaitBooks), and clients wait in the sockets.
  absl::Status Serve() {
    const auto opening = books_.Open();
    if (!opening.ok()) return opening.status();
    if (*opening == BooksDatabase::Opening::kDone) {
      bookkeeping_.Start(*configuration_.current());
      Accept();
    } else if (!handed_over_) {
      return absl::FailedPreconditionError(books_.state().problem);
    }
    return absl::OkStatus();
  }

  void Accept() {
    proxy_->Start(bookkeeping_.books());
    if (admin_ != nullptr) admin_->Start();
    accepting_ = true;
  }

  // False when it is to stop without having served.
  bool AwaitBooks() {
    if (accepting_) return true;
    const auto config = configuration_.current();
    const auto longest =
        config->graceful_stop_delay + config->graceful_stop_timeout + hand_over_margin_;
    logger_->Info("waiting for the predecessor to let go of the embedded store",
                  {{"reason", books_.state().problem}, {"longest_ms", int64_t{longest.count()}}});
    const auto deadline = Clock::now() + longest;
    while (!accepting_ && !stop_.WaitForRequest(Clock::now() + kGlance)) {
      end_ = Serve();
      if (end_.ok() && !accepting_ && Clock::now() >= deadline) {
        end_ = absl::FailedPreconditionError(books_.state().problem);
      }
      if (!end_.ok()) stop_.Now();
    }
    return accepting_;
  }

  // With Omnibus HUP also follows an upgrade, and makes upstream's Praefect start its successor.
  void WarnOfNewerBinary() {
    std::error_code ignored;
    const std::string binary = std::filesystem::read_symlink("/proc/self/exe", ignored);
    constexpr std::string_view kReplaced = " (deleted)";
    if (binary.size() < kReplaced.size() ||
        binary.compare(binary.size() - kReplaced.size(), kReplaced.size(), kReplaced) != 0) {
      return;
    }
    logger_->Warn("the program was replaced on disk: restart to use it", {{"program", binary}});
  }

  bool Apply(const std::shared_ptr<const config::Config>& config) {
    logger_->SetLevel(LevelOf(config->logging));
    nodes_.Reload(*config);
    bookkeeping_.RetryAll();
    proxy_->Reload(config);
    const absl::Status tls = proxy_->ReplaceTls(config->tls);
    if (tls.ok()) return true;
    const auto message = tls.message();
    logger_->Error("cannot use the certificate: the old one stays in use",
                   {{"error", std::string_view(message.data(), message.size())}});
    return false;
  }

  Supervision::Sources SupervisionSources() {
    return {[this] { return GatherFacts(); }, [this] { return AllProbed(*nodes_.snapshot()); },
            [this](Clock::time_point deadline) {
              return !accepting_ || proxy_->WorkersAnswer(deadline);
            }};
  }

  BooksState StateOfBooks() const {
    BooksState state = books_.state();
    state.recording = bookkeeping_.problem();
    return state;
  }

  StatusFacts GatherFacts() const {
    const auto snapshot = nodes_.snapshot();
    StatusFacts facts;
    facts.stopping = stop_.requested();
    for (const auto& check : CheckReadiness(*snapshot, StateOfBooks(), facts.stopping)) {
      if (check.required && facts.not_ready.empty()) facts.not_ready = check.problem;
    }
    for (const nodes::VirtualStorage& storage : snapshot->virtual_storages) {
      for (const nodes::Node& node : storage.nodes) {
        facts.nodes++;
        if (node.health == nodes::Health::kUp) facts.nodes_up++;
      }
    }
    facts.open_calls = proxy_->open_calls();
    facts.last_reload_failed = configuration_.last_reload_failed();
    return facts;
  }

  absl::Status Bind() {
    const auto config = configuration_.current();
    auto proxy = proxy::Server::Listen(
        {config, *methods_, nodes_, local_endpoint_, *logger_, metrics_.registry(), inherited_});
    if (!proxy.ok()) return proxy.status();
    proxy_ = *std::move(proxy);
    if (const absl::Status admin = BindAdmin(*config); !admin.ok()) return admin;
    return inherited_.CheckAllTaken();
  }

  absl::Status BindAdmin(const config::Config& config) {
    if (config.prometheus_listen_addr.empty()) return absl::OkStatus();
    auto admin = AdminHttp::Listen(
        config.prometheus_listen_addr,
        {[this] { return metrics_.Render(); }, [this] { return metrics_.RenderDatabase(); },
         [this](Purpose purpose) {
           return CheckReadiness(*nodes_.snapshot(), StateOfBooks(), stop_.requested(), purpose);
         },
         [&refused = metrics_.registry().Counter(
              "gitaly_praefect_admin_connections_refused_total",
              "Connections of the admin listener beyond those that wait.")] {
           refused.Increment();
         }},
        inherited_);
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    logger_->Info("Starting prometheus listener", {{"address", AdminAddress(config)}});
    return absl::OkStatus();
  }

  // As configured, with the port that was bound: 0 means one that the kernel chose.
  std::string AdminAddress(const config::Config& config) const {
    const std::string& configured = config.prometheus_listen_addr;
    return configured.substr(0, configured.rfind(':') + 1) + std::to_string(admin_->port());
  }

  void StopWhenAsked() {
    stop_.WaitForRequest();
    const auto config = configuration_.current();
    supervision_.Stopping(config->graceful_stop_delay + config->graceful_stop_timeout);
    local_.SetDraining();
    LetOthersNotice();
    Drain();
    EndCalls();
  }

  // Load balancers look at health and readiness now and then; until they have, calls come here.
  void LetOthersNotice() {
    const auto delay = configuration_.current()->graceful_stop_delay;
    if (delay.count() == 0) return;
    logger_->Info("told to stop: not ready any more, still listening",
                  {{"graceful_stop_delay_ms", int64_t{delay.count()}}});
    stop_.WaitForNow(Clock::now() + delay);
  }

  void Drain() {
    const auto timeout = configuration_.current()->graceful_stop_timeout;
    logger_->Info("shutting down: waiting for clients to finish",
                  {{"graceful_stop_timeout_ms", int64_t{timeout.count()}}});
    proxy_->Drain();
    if (admin_ != nullptr) admin_->LeaveToSuccessor();
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
    supervision_.Stop();
    nodes_.Stop();
    if (proxy_ != nullptr) proxy_->Stop();
    local_.Stop();  // which asks the books
    bookkeeping_.Stop();
    books_.Close();
  }

  const std::unique_ptr<observe::Logger> logger_;
  observe::Metrics metrics_;
  Configuration configuration_;
  std::unique_ptr<const gitaly::MethodRegistry> methods_;
  nodes::Manager nodes_;
  service::LocalServer local_;
  proxy::LocalEndpoint local_endpoint_;
  BooksDatabase books_;
  Bookkeeping bookkeeping_;
  std::unique_ptr<proxy::Server> proxy_;
  std::unique_ptr<AdminHttp> admin_;
  StopSignal stop_;
  const bool handed_over_;  // our sockets
  const std::chrono::milliseconds hand_over_margin_;
  std::atomic<bool> accepting_{false};
  absl::Status end_;  // the stopper's; why it could not serve
  net::InheritedSockets inherited_;
  Supervision supervision_;
  observe::Mutex reload_;
  observe::Mutex join_;
  std::thread stopper_;
};

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(Startup startup) {
  // Debian builds abseil with a detector of deadlocks that costs every lock of the gRPC library.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  auto logger = MakeLoggerFor(startup.config.logging);
  if (!logger.ok()) return logger.status();
  auto impl = std::make_unique<Impl>(std::move(startup), *std::move(logger));
  if (const absl::Status started = impl->Start(); !started.ok()) return started;
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

bool Daemon::Reload() { return impl_->Reload(); }
void Daemon::ReopenLog() { impl_->ReopenLog(); }
void Daemon::RequestStop() { impl_->RequestStop(); }
void Daemon::StopNow() { impl_->StopNow(); }
absl::Status Daemon::Wait() { return impl_->Wait(); }
std::vector<config::Address> Daemon::addresses() const { return impl_->addresses(); }
int Daemon::admin_port() const { return impl_->admin_port(); }

}  // namespace praefect::daemon
