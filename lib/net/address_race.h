#pragma once

// Connects to the first of several addresses that answers.

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <vector>

#include "net/event_loop.h"
#include "net/socket_address.h"

namespace praefect::net {

// The next address is tried when one failed, and at the latest kStaggerMs after the one before it
// was begun (as RFC 8305 does it): one that swallows everything must not use up the time of the
// others. The caller bounds the whole.
class AddressRace {
 public:
  static constexpr int64_t kStaggerMs = 250;
  // A connected socket, which is the receiver's; or why the last address failed.
  using Done = std::function<void(absl::StatusOr<int>)>;

  // `addresses`: best first, at least one.
  AddressRace(EventLoop& loop, std::vector<SocketAddress> addresses, Done done);
  ~AddressRace();  // closes what is not connected yet
  AddressRace(const AddressRace&) = delete;
  AddressRace& operator=(const AddressRace&) = delete;

  void Start();  // `done` is called once, perhaps from inside; it may destroy the race

 private:
  struct Attempt {
    int fd = -1;
    std::unique_ptr<Watcher> watcher;
  };
  void BeginNext();
  bool Begin(const SocketAddress& address);
  void Ready(int fd);
  void Close(int fd);
  void Finish(absl::StatusOr<int> result);

  EventLoop& loop_;
  std::vector<SocketAddress> left_;  // last first
  Done done_;
  Timer stagger_;
  std::vector<Attempt> attempts_;
  absl::Status last_error_;
};

}  // namespace praefect::net
