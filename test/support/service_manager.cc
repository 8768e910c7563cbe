#include "support/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace praefect::test {
namespace {

bool Begins(const std::string& text, const std::string& with) {
  return text.compare(0, with.size(), with) == 0;
}

}  // namespace

ServiceManager::ServiceManager() {
  notifications_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, (folder_ / "notify").c_str(), sizeof address.sun_path - 1);
  if (bind(notifications_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot listen for notifications");
  }
}

ServiceManager::~ServiceManager() { close(notifications_); }

std::string ServiceManager::Listen(const std::string& name, const std::string& path) {
  using Kind = config::Address::Kind;
  const config::Address address = path.empty() ? config::Address{Kind::kTcp, "127.0.0.1", 0, ""}
                                               : config::Address{Kind::kUnix, "", 0, path};
  auto socket = net::ListeningSocket::Bind(address);
  if (!socket.ok()) throw std::runtime_error("cannot listen for " + name);
  sockets_.push_back(*std::move(socket));
  names_.push_back(name);
  const config::Address& actual = sockets_.back()->address();
  return path.empty() ? actual.host + ":" + std::to_string(actual.port) : path;
}

Command ServiceManager::Service(std::vector<std::string> argv,
                                std::chrono::milliseconds watchdog) const {
  Command command;
  // LISTEN_PID and WATCHDOG_PID are those of the program itself: the shell becomes it.
  command.argv = {"/bin/sh", "-c", "LISTEN_PID=$$ WATCHDOG_PID=$$ exec \"$0\" \"$@\""};
  command.argv.insert(command.argv.end(), argv.begin(), argv.end());
  command.environment["NOTIFY_SOCKET"] = folder_ / "notify";
  if (watchdog.count() > 0) {
    command.environment["WATCHDOG_USEC"] = std::to_string(watchdog.count() * 1000);
  }
  std::string names;
  for (size_t i = 0; i < sockets_.size(); i++) {
    command.descriptors.push_back(sockets_[i]->fd());
    names += (i == 0 ? "" : ":") + names_[i];
  }
  if (!sockets_.empty()) {
    command.environment["LISTEN_FDS"] = std::to_string(sockets_.size());
    command.environment["LISTEN_FDNAMES"] = names;
  }
  return command;
}

std::vector<std::string> ServiceManager::Heard() {
  std::array<char, 4096> message;
  for (;;) {
    const ssize_t size = recv(notifications_, message.data(), message.size(), MSG_DONTWAIT);
    if (size < 0) return heard_;
    heard_.emplace_back(message.data(), size);
  }
}

bool ServiceManager::Hears(const std::string& lines, std::chrono::milliseconds longest) {
  return Eventually([&] { return Count(lines) > 0; }, longest);
}

size_t ServiceManager::Count(const std::string& lines) {
  const auto heard = Heard();
  return std::count_if(heard.begin(), heard.end(),
                       [&](const std::string& message) { return Begins(message, lines); });
}

}  // namespace praefect::test
