#pragma once

// Does for a program what systemd does: holds its listening sockets, hands them over, and hears
// what it says of itself.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "net/listener.h"
#include "support/process.h"

namespace praefect::test {

class ServiceManager {
 public:
  ServiceManager();
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // Listens on a free port of 127.0.0.1, or on a path, for all services to come. The name is what
  // they get with it. Returns the address as config.toml writes it.
  std::string Listen(const std::string& name, const std::string& path = "");

  // What starts `argv` as a service of ours. Without a watchdog if that is 0.
  Command Service(std::vector<std::string> argv, std::chrono::milliseconds watchdog = {}) const;

  // What all services said so far, one element for each message.
  std::vector<std::string> Heard();
  // Waits for a message that begins with `lines`.
  bool Hears(const std::string& lines,
             std::chrono::milliseconds longest = std::chrono::seconds(20));
  size_t Count(const std::string& lines);

 private:
  const TemporaryDirectory folder_;
  int notifications_ = -1;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<net::ListeningSocket>> sockets_;
  std::vector<std::string> heard_;
};

}  // namespace praefect::test
