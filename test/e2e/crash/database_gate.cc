#include "database_gate.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "support/free_port.h"

namespace praefect::crash {
namespace {

constexpr int kLookMs = 10;

void SendAtOnce(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// False when it is over.
bool Pass(int from, int to) {
  char bytes[65536];
  const ssize_t count = recv(from, bytes, sizeof bytes, MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  for (ssize_t sent = 0; sent < count;) {
    const ssize_t now = send(to, bytes + sent, static_cast<size_t>(count - sent), MSG_NOSIGNAL);
    if (now <= 0) return false;
    sent += now;
  }
  return count > 0;
}

}  // namespace

DatabaseGate::DatabaseGate(int server_port) : server_port_(server_port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = test::Loopback(0);
  socklen_t length = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::runtime_error("no port for the way to the database");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

DatabaseGate::~DatabaseGate() {
  stopping_ = true;
  thread_.join();
  close(listener_);
}

void DatabaseGate::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = test::Loopback(server_port_);
  const bool refused =
      state_ == State::kCut ||
      connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0;
  if (refused) {
    close(client);
    close(server);
    return;
  }
  SendAtOnce(client);
  SendAtOnce(server);
  connections_.push_back({client, server});
}

void DatabaseGate::Run() {
  const auto end = [this](auto connection) {
    close(connection->client);
    close(connection->server);
    return connections_.erase(connection);
  };
  while (!stopping_) {
    std::vector<pollfd> polled = {{listener_, POLLIN, 0}};
    if (state_ == State::kSilent) {
      poll(nullptr, 0, kLookMs);
      continue;
    }
    for (const Connection& each : connections_) {
      polled.push_back({each.client, POLLIN, 0});
      polled.push_back({each.server, POLLIN, 0});
    }
    poll(polled.data(), polled.size(), kLookMs);
    size_t next = 1;
    for (auto each = connections_.begin(); each != connections_.end(); next += 2) {
      const bool over = state_ == State::kCut ||
                        (polled[next].revents != 0 && !Pass(each->client, each->server)) ||
                        (polled[next + 1].revents != 0 && !Pass(each->server, each->client));
      each = over ? end(each) : std::next(each);
    }
    if (polled[0].revents != 0) Accept();
  }
  for (auto each = connections_.begin(); each != connections_.end();) each = end(each);
}

}  // namespace praefect::crash
