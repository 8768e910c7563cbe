#pragma once

// One event loop on one thread, with everything that its calls need: client connections, one
// connection to each node, its own copy of the nodes' state. Workers share nothing that is written
// on the way of a call but counters.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "gitaly/method.h"
#include "http2/buffer.h"
#include "net/event_loop.h"
#include "net/loop_delay.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "nodes/snapshot.h"
#include "observe/log.h"
#include "proxy/authenticator.h"
#include "proxy/books.h"
#include "proxy/call_list.h"
#include "proxy/counter_cache.h"
#include "proxy/handshakes.h"
#include "proxy/left_call.h"
#include "proxy/local_endpoint.h"
#include "proxy/mailbox.h"
#include "proxy/metrics.h"
#include "proxy/route_memory.h"
#include "proxy/upstream.h"
#include "proxy/upstreams.h"

namespace praefect::proxy {

class ClientSession;

// Open client connections of the whole process. Thread-safe.
class ClientCount {
 public:
  // False, and nothing counted, at the limit.
  bool Add(uint32_t limit);
  void Remove();
  // Until there are none, or `deadline`; tells whether there are none.
  bool WaitForNone(std::chrono::steady_clock::time_point deadline);

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  uint32_t count_ = 0;  // guarded by mutex_
};

// What all workers share. Everything outlives them.
struct Shared {
  const gitaly::MethodRegistry& methods;
  const LocalEndpoint& local;
  observe::Logger& logger;
  Metrics& metrics;
  http2::MemoryMeter& memory;
  // Bytes by which receive windows were enlarged; bounded by half of max_buffered_bytes.
  std::atomic<int64_t>& enlarged_windows;
  std::atomic<int64_t>& health_watches;  // calls that are open
  ClientCount& clients;
  net::Resolver& resolver;
  const Books& books;  // as they are when the workers start
};

// A connection that was accepted just now.
struct Arrival {
  int fd;  // the worker's from now on
  std::string peer;
  const char* kind;                                  // of its listener
  std::shared_ptr<const net::TlsServerContext> tls;  // nullptr: a listener without TLS
};

class Worker {
 public:
  // `number` tells the workers of a process apart, from 0 on.
  Worker(const Shared& shared, std::shared_ptr<const config::Config> config, uint32_t number);
  ~Worker();  // after Stop and Join
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread.
  void Start();
  void Post(std::function<void()> work) { loop_.Post(std::move(work)); }
  void Publish(std::shared_ptr<const nodes::Snapshot> snapshot);
  // For new connections and calls; what is under way keeps what it began with.
  void Reload(std::shared_ptr<const config::Config> config);
  void AddClient(Arrival arrival);
  void Drain();     // two-step GOAWAY to every client
  void EndCalls();  // with a status; calls that begin later likewise
  // Calls that were recorded as this instance, with a status.
  void EndInstance(int64_t instance);
  void Stop();  // closes what is left
  void Join();
  size_t client_count() const { return client_count_.load(std::memory_order_relaxed); }

  // For calls, on the worker's thread.
  net::EventLoop& loop() { return loop_; }
  const Shared& shared() const { return shared_; }
  const config::Config& config() const { return *config_; }  // until this thread's next round
  Authenticator& authenticator() { return *authenticator_; }
  CallList& calls() { return calls_; }
  RouteMemory& routes() { return routes_; }
  LeftCalls& left_calls() { return left_calls_; }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  bool ending_calls() const { return ending_calls_; }
  CounterCache& counters() { return counters_; }
  http2::Buffers& buffers() { return buffers_; }
  const std::shared_ptr<const nodes::Snapshot>& snapshot() const { return upstreams_.snapshot(); }
  // Users keep their share for as long as they may call it.
  std::shared_ptr<Upstream> UpstreamOf(const nodes::Node& node) { return upstreams_.Of(node); }
  std::shared_ptr<Upstream> LaneOf(const nodes::Node& node, const void* client) {
    return upstreams_.LaneOf(node, client);
  }
  const std::shared_ptr<Upstream>& local_upstream() const { return local_upstream_; }
  std::string NewCorrelationId();
  double Chance();  // from [0, 1)
  void Remove(ClientSession& session);

 private:
  void Admit(std::unique_ptr<net::Transport> transport, std::string peer);
  void CountLeft();
  void LookAtCalls();

  const Shared shared_;
  net::EventLoop loop_;
  http2::Buffers buffers_;
  std::shared_ptr<const config::Config> config_;
  std::optional<Authenticator> authenticator_;  // made anew by Reload; never empty
  const std::shared_ptr<Mailbox> mailbox_;
  CallList calls_;
  LeftCalls left_calls_;
  RouteMemory routes_;
  CounterCache counters_;
  const std::shared_ptr<Upstream> local_upstream_;
  Upstreams upstreams_;
  Handshakes handshakes_;
  net::Timer drain_timer_;  // ends handshakes that draining has waited for long enough
  std::unordered_map<ClientSession*, std::unique_ptr<ClientSession>> clients_;
  // Of clients_, of those that shake hands, and of those on their way here.
  std::atomic<size_t> client_count_{0};
  net::Timer look_timer_;
  std::mt19937_64 random_;
  observe::Histogram& delay_seconds_;
  net::LoopDelay delay_;
  bool draining_ = false;
  bool ending_calls_ = false;
  std::thread thread_;
};

}  // namespace praefect::proxy
