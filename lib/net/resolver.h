#pragma once

// Names to addresses, without blocking a loop and without one name waiting for another.

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "net/socket_address.h"

namespace praefect::net {

// Every name that is being looked up has a thread of its own, which all who ask for that name
// share: a name whose servers are silent (the C library waits up to half a minute) holds up nobody
// else, as it would in libuv's pool of four threads. Nothing is remembered. Thread-safe.
class Resolver {
 public:
  static constexpr size_t kMaxLookups = 64;    // names under way; more are refused
  static constexpr size_t kMaxAddresses = 16;  // of one name; the rest is left out

  using Addresses = absl::StatusOr<std::vector<SocketAddress>>;
  // Blocks. Never an empty list.
  using Lookup = std::function<Addresses(const std::string& host, uint16_t port)>;
  static Addresses LookUp(const std::string& host, uint16_t port);

  // One who waits. Destroying it ends that without a call; on the loop's thread, before the loop.
  class Request {
   public:
    ~Request();
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

   private:
    friend class Resolver;
    struct State;
    explicit Request(std::shared_ptr<State> state);
    const std::shared_ptr<State> state_;
  };

  // Tests look names up in their own way.
  explicit Resolver(Lookup lookup = LookUp);
  // Waits for nobody: a lookup that is under way ends by itself.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `done` is called once, on the thread of `loop`, never from inside; it may destroy the request.
  std::unique_ptr<Request> Resolve(EventLoop& loop, const std::string& host, uint16_t port,
                                   std::function<void(Addresses)> done);

 private:
  struct Shared;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace praefect::net
