#pragma once

// LISTEN on a connection of its own: `database.session`, which must not be a transaction pool.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "db/database.h"
#include "observe/log.h"

namespace praefect::db {

// All are called on the listener's thread, one after the other, and must not block.
struct ListenerEvents {
  // The self-test passed: a notification sent through the pool arrived. From here on everything is
  // heard; what happened before was missed.
  std::function<void()> connected;
  std::function<void(const std::string& channel, const std::string& payload)> notified;
  // Follows every `connected` in the end, and every attempt that failed.
  std::function<void(const Error&)> disconnected;
};

struct ListenerOptions {
  config::DatabaseEndpoint endpoint;
  std::string section = "database.session_pooled";  // its place in the configuration, for errors
  std::vector<std::string> channels;                // lower-case names
  std::chrono::milliseconds self_test_timeout{5'000};
  // Nothing heard for so long: the server is asked whether it is still there.
  std::chrono::milliseconds idle_check{5'000};
  std::chrono::milliseconds min_backoff{50};  // between attempts; doubles, with jitter
  std::chrono::milliseconds max_backoff{2'000};
  uint64_t seed = 0;  // of the jitter; 0: from the operating system
};

class Listener {
 public:
  // Ends the thread; at once, or when the self-test that is under way has ended.
  virtual ~Listener() = default;
  virtual uint64_t connects() const = 0;       // that passed the self-test
  virtual uint64_t disconnects() const = 0;    // of these
  virtual uint64_t notifications() const = 0;  // on the channels
};

// Connects, tests itself and stays connected until it is destroyed, with a thread of its own.
// `pool` (which sends the self-test's notification) and `logger` must outlive it.
std::unique_ptr<Listener> Listen(ListenerOptions options, ListenerEvents events, Database& pool,
                                 observe::Logger& logger);

}  // namespace praefect::db
