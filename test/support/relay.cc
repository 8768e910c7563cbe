#include "support/relay.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "support/free_port.h"

namespace praefect::test {
namespace {

constexpr int kLookMs = 20;

bool Readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return poll(&polled, 1, kLookMs) > 0;
}

}  // namespace

Relay::Relay(int server_port) : server_port_(server_port), port_(FreePort()) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port_);
  bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  listen(listener_, 16);
  thread_ = std::thread([this] { Run(); });
}

Relay::~Relay() {
  stopping_ = true;
  thread_.join();
  for (const int fd : silent_) close(fd);
  close(listener_);
}

std::vector<size_t> Relay::EndsOfStatements(bool to_server) {
  const std::lock_guard lock(mutex_);
  const std::string& passed = to_server ? passed_to_server_ : passed_to_client_;
  std::vector<size_t> ends;
  for (size_t end = 0; end + 5 <= passed.size();) {
    uint32_t length = 0;
    std::memcpy(&length, passed.data() + end + 1, sizeof length);
    const char type = passed[end];
    end += 1 + ntohl(length);
    if (to_server ? type == 'E' || type == 'S' : type == 'C' || type == 'Z') ends.push_back(end);
  }
  return ends;
}

void Relay::Record() {
  const std::lock_guard lock(mutex_);
  passed_to_server_.clear();
  passed_to_client_.clear();
}

void Relay::PretendVersion(const std::string& from, const std::string& to) {
  const std::string parameter("server_version\0", 15);
  const std::lock_guard lock(mutex_);
  from_ = parameter + from;
  to_ = parameter + to;
}

// Keeps what passes, and replaces in it what shall be replaced.
void Relay::Look(char* bytes, size_t count, bool to_server) {
  const std::lock_guard lock(mutex_);
  (to_server ? passed_to_server_ : passed_to_client_).append(bytes, count);
  if (to_server || from_.empty()) return;
  char* const end = bytes + count;
  char* const found = std::search(bytes, end, from_.begin(), from_.end());
  if (found != end) std::copy(to_.begin(), to_.end(), found);
}

void Relay::CutAfter(size_t bytes_to_server, size_t bytes_to_client, bool silently) {
  silently_ = silently;
  to_server_ = bytes_to_server;
  to_client_ = bytes_to_client;
}

void Relay::Run() {
  while (!stopping_) {
    if (!Readable(listener_)) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(server_port_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      Pass(client, server);
    }
    if (silently_) {
      silent_.insert(silent_.end(), {client, server});
    } else {
      close(client);
      close(server);
    }
    CutAfter(kNever, kNever);
  }
}

void Relay::Pass(int client, int server) {
  while (!stopping_) {
    pollfd polled[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    poll(polled, 2, kLookMs);
    if (polled[0].revents != 0 && !PassSome(client, server, true)) return;
    if (polled[1].revents != 0 && !PassSome(server, client, false)) return;
  }
}

// False when the connection is over.
bool Relay::PassSome(int from, int to, bool to_server) {
  std::atomic<size_t>& left = to_server ? to_server_ : to_client_;
  char bytes[4096];
  const ssize_t count = recv(from, bytes, sizeof bytes, 0);
  if (count <= 0) return false;
  Look(bytes, static_cast<size_t>(count), to_server);
  const size_t allowed = left;  // once: it may be set as soon as the bytes have arrived
  const size_t passed = std::min(allowed, static_cast<size_t>(count));
  if (send(to, bytes, passed, MSG_NOSIGNAL) < 0) return false;
  if (allowed == kNever) return true;
  left = allowed - passed;
  return allowed > passed;
}

}  // namespace praefect::test
