#include "db/listener.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "db/backoff.h"
#include "db/listen_check.h"
#include "db/postgres_connect.h"
#include "observe/thread.h"

namespace praefect::db {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};

class PostgresListener final : public Listener {
 public:
  PostgresListener(ListenerOptions options, ListenerEvents events, Database& pool,
                   observe::Logger& logger)
      : options_(std::move(options)),
        events_(std::move(events)),
        pool_(pool),
        logger_(logger),
        thread_(observe::StartThread("db-listen", [this] { Run(); })) {}
  ~PostgresListener() override {
    stop_.Stop();
    thread_.join();
  }

  uint64_t connects() const override { return connects_; }
  uint64_t disconnects() const override { return disconnects_; }
  uint64_t notifications() const override { return notifications_; }

 private:
  using Session = std::unique_ptr<PostgresConnection>;

  void Run() {
    Backoff backoff(options_.min_backoff, options_.max_backoff, options_.seed);
    do {
      Session session;
      std::optional<Error> error = Begin(session);
      if (!error) {
        backoff.Reset();
        error = Hear(*session);
      }
      if (!error) return;  // stopped
      if (!stop_.stopped()) Report(*error);
    } while (stop_.Sleep(backoff.Next()));
  }

  // Connected, listening and tested when it returns nothing.
  std::optional<Error> Begin(Session& session) {
    auto result = Connect(options_.endpoint, "", resolver_, After(kConnectTimeout), stop_);
    if (const auto* failures = std::get_if<ConnectFailures>(&result)) {
      return ToError(*failures, options_.endpoint, options_.section);
    }
    session = std::move(std::get<Connected>(result).connection);
    const Deadline deadline = After(options_.self_test_timeout);
    for (const std::string& channel : options_.channels) {
      if (auto outcome = session->RunAlone("LISTEN " + channel, deadline); !outcome.ok()) {
        return outcome.error;
      }
    }
    const auto send = [&](const Statement& notify) {
      return pool_.Wait({{notify}, deadline}).error;
    };
    return CheckListen(*session, send, deadline, stop_, options_.section);
  }

  // Until it breaks, or we are stopped (no error).
  std::optional<Error> Hear(PostgresConnection& session) {
    ++connects_;
    if (std::exchange(quiet_, false)) logger_.Info("listening to the database again");
    events_.connected();
    while (!stop_.stopped()) {
      const auto notification = session.WaitForNotification(After(options_.idle_check), stop_);
      if (notification) {
        Deliver(*notification);
      } else if (auto error = StillThere(session)) {
        ++disconnects_;
        return error;
      }
    }
    return std::nullopt;
  }

  void Deliver(const Notification& notification) {
    const auto& channels = options_.channels;
    if (std::find(channels.begin(), channels.end(), notification.channel) == channels.end()) return;
    ++notifications_;
    events_.notified(notification.channel, notification.payload);
  }

  std::optional<Error> StillThere(PostgresConnection& session) {
    if (stop_.stopped()) return std::nullopt;
    return session.RunAlone("SELECT 1", After(options_.idle_check)).error;
  }

  // A line for each change, not for each attempt.
  void Report(const Error& error) {
    if (!std::exchange(quiet_, true)) {
      logger_.Warn("not listening to the database",
                   {{"layer", LayerName(error.layer)}, {"error", std::string_view(error.message)}});
    }
    events_.disconnected(error);
  }

  const ListenerOptions options_;
  const ListenerEvents events_;
  Database& pool_;
  observe::Logger& logger_;
  StopSignal stop_;
  Resolver resolver_;
  bool quiet_ = false;  // the last that was logged is that nothing is heard; of the thread
  std::atomic<uint64_t> connects_{0};
  std::atomic<uint64_t> disconnects_{0};
  std::atomic<uint64_t> notifications_{0};
  std::thread thread_;  // last: it uses everything above
};

}  // namespace

std::unique_ptr<Listener> Listen(ListenerOptions options, ListenerEvents events, Database& pool,
                                 observe::Logger& logger) {
  return std::make_unique<PostgresListener>(std::move(options), std::move(events), pool, logger);
}

}  // namespace praefect::db
