#pragma once

// One worker's way to one node (or to Praefect's own services): one connection that every call
// shares, made when it is first needed and made anew when it broke or was asked to go away. A node
// that cannot be connected to is left alone for growing pauses (Backoff): calls then fail at once,
// with the reason of the last attempt.

#include <absl/status/status.h>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "config/address.h"
#include "http2/connection.h"
#include "net/connector.h"
#include "net/resolver.h"
#include "nodes/snapshot.h"
#include "proxy/backoff.h"
#include "proxy/local_endpoint.h"
#include "proxy/node_heading.h"

namespace praefect::proxy {

class DiskReading;

class Upstream final : private http2::Connection::Owner {
 public:
  static constexpr int64_t kConnectTimeoutMs = 10'000;
  // Bytes of an answer that the node may send before its client takes some, at the beginning. Many
  // downloads that stall at once are to cost little; one that does not grows soon.
  static constexpr uint32_t kStreamWindow = 64 << 10;
  // Each write may wake the node, which is most of what an upload costs. More than on a connection
  // to a client: there are few to nodes, and nodes read.
  static constexpr size_t kMaxOutputBytes = 512 << 10;

  // Waits for a connection.
  class Waiter {
   public:
    virtual void OnConnected(http2::Connection& connection) = 0;
    // DATA_LOSS, after AcquireToWrite only: the node is there, on another disk.
    virtual void OnConnectFailed(const absl::Status& status) = 0;

   protected:
    ~Waiter() = default;
  };

  using Target = std::variant<config::Address, const LocalEndpoint*>;

  // `loop`, `buffers`, `resolver` and a local endpoint must outlive it. `traffic` is counted in.
  Upstream(net::EventLoop& loop, http2::Buffers& buffers, net::Resolver& resolver, Target target,
           std::shared_ptr<nodes::Traffic> traffic);
  ~Upstream();

  // How the certificate of a node with tls:// is judged, from the next connection on.
  void Trust(const std::shared_ptr<const net::TlsClientContext>& tls) {
    if (tls_ != tls) tls_ = tls;  // without touching its reference count for every call
  }
  // Calls back at once if there is a usable connection, or a pause; else when a connection was made
  // or could not be.
  void Acquire(Waiter& waiter);
  // The same for a call that may change a replica: its connection is one over which the node has
  // told that its storage is on the disk that `node` says. A node whose disk is not known is taken
  // as it is.
  void AcquireToWrite(Waiter& waiter, const nodes::Node& node);
  void Forget(Waiter& waiter);
  // Of connections made from now on; see http2::Keepalive. 0, the default: nodes are never asked.
  void set_keepalive_timeout(std::chrono::milliseconds timeout) { keepalive_timeout_ = timeout; }
  // Whether probes take the node for frozen.
  void Suspect(bool suspected);
  // Ends a pause: somebody else has just reached the node.
  void RetryNow() { backoff_.Reset(); }
  // Lets the present connection go: it closes when its last stream has ended. Whoever acquires
  // later gets another one.
  void Drain();
  NodeHeading& heading() { return heading_; }
  // So many so far: the number of the one that takes new streams, if any does.
  uint64_t connections_made() const { return made_; }
  // There is no connection, and nobody waits for one.
  bool idle() const { return connections_.empty() && connector_ == nullptr; }
  // Ends all connections; the calls on them fail.
  void CloseAll();

 private:
  struct Writer {
    Waiter* waiter;
    std::string filesystem_id;
  };
  bool Usable() const { return current_ != nullptr && current_->usable(); }
  bool IsOn(const std::string& filesystem_id) const;
  void DiskRead(const absl::StatusOr<std::string>& filesystem_id);
  absl::Status Judge(const absl::StatusOr<std::string>& read, const Writer& writer) const;
  void Dial();
  Waiter* NextToNotify();
  void CountConnections();
  void NoteFailure(absl::Status why);
  void Connected(absl::StatusOr<std::unique_ptr<net::Transport>> transport);
  void OnRequest(http2::Stream&, http2::HeaderList, bool, bool) override;
  void OnGoaway(http2::Connection& connection) override;
  void OnClosed(http2::Connection& connection, const http2::ConnectionClosure& closure) override;

  net::EventLoop& loop_;
  http2::Buffers& buffers_;
  net::Resolver& resolver_;
  const Target target_;
  NodeHeading heading_;
  const std::shared_ptr<nodes::Traffic> traffic_;
  std::chrono::milliseconds keepalive_timeout_{0};
  bool suspected_ = false;
  Backoff backoff_;
  std::minstd_rand random_;
  absl::Status last_failure_;  // to connect
  std::shared_ptr<const net::TlsClientContext> tls_;
  std::unique_ptr<net::Connector> connector_;                    // an attempt under way
  http2::Connection* current_ = nullptr;                         // takes new streams
  std::vector<std::unique_ptr<http2::Connection>> connections_;  // current_ and those that drain
  struct Counts {
    int64_t connecting = 0, connected = 0, draining = 0;
  };
  Counts counted_;                  // what traffic_ holds of ours
  std::vector<Waiter*> waiters_;    // for the attempt under way
  std::vector<Waiter*> notifying_;  // being told how it ended; each may forget others
  uint64_t made_ = 0;               // connections
  uint64_t read_over_ = 0;          // the number of the one over which disk_ was read; 0: none
  std::string disk_;                // empty: the node cannot tell it
  std::unique_ptr<DiskReading> reading_;  // null until it is needed
  std::vector<Writer> writers_;           // for it; then being told
};

}  // namespace praefect::proxy
