#pragma once

// Listening sockets that somebody else opened and handed over (socket activation): they outlive
// this process, so that another one may take its place without a refused connection.

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/address.h"
#include "net/listener.h"

namespace praefect::net {

struct InheritedSocket {
  int fd;            // owned by whoever is given this
  std::string name;  // of the key of config.toml that it is for; anything else: the address decides
};

class InheritedSockets {
 public:
  explicit InheritedSockets(std::vector<InheritedSocket> sockets);
  ~InheritedSockets();  // closes those that were not taken
  InheritedSockets(const InheritedSockets&) = delete;
  InheritedSockets& operator=(const InheritedSockets&) = delete;

  // The socket that has `key` as its name, or else one without the name of a key that listens on
  // `address`; null when there is none. Port 0 is any port of a socket named so. Fails when the
  // named one does not listen, or not there. May resolve a name, and blocks while it does.
  absl::StatusOr<std::unique_ptr<ListeningSocket>> Take(std::string_view key,
                                                        const config::Address& address);
  // Fails naming a socket that nobody took: its owner expects it to be served.
  absl::Status CheckAllTaken() const;

 private:
  std::vector<InheritedSocket> sockets_;
};

}  // namespace praefect::net
