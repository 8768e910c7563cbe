#include "config/address.h"

#include <absl/status/status.h>
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace praefect::config {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kTls = "tls://";
constexpr std::string_view kUnix = "unix:";

absl::Status Invalid(std::string_view text) {
  return absl::InvalidArgumentError(fmt::format("invalid connection string: \"{}\"", text));
}

bool IsHostName(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '-' || c == '_';
  });
}

bool IsIpv6(std::string_view host) {
  in6_addr parsed;
  const std::string address(host.substr(0, host.find('%')));  // a zone may follow
  return inet_pton(AF_INET6, address.c_str(), &parsed) == 1 && host.find('\0') == host.npos;
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, port);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return port;
}

struct HostPort {
  std::string host;
  std::optional<uint16_t> port;
};

// HOST, HOST:PORT, [IPV6] or [IPV6]:PORT; the host may be empty.
std::optional<HostPort> Split(std::string_view text) {
  HostPort result;
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == text.npos || !IsIpv6(text.substr(1, end - 1))) return std::nullopt;
    result.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    if (!IsHostName(text.substr(0, colon))) return std::nullopt;
    result.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (rest.empty()) return result;
  if (rest.front() != ':') return std::nullopt;
  result.port = ParsePort(rest.substr(1));
  if (!result.port) return std::nullopt;
  return result;
}

bool Consume(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string Address::ToString() const {
  if (kind == Kind::kUnix) return fmt::format("{}{}", kUnix, path);
  const bool brackets = host.find(':') != host.npos;
  return fmt::format("{}{}{}{}{}", kind == Kind::kTls ? kTls : kTcp, brackets ? "[" : "", host,
                     brackets ? "]" : "", port == 0 ? "" : fmt::format(":{}", port));
}

absl::StatusOr<Address> ParseNodeAddress(std::string_view text) {
  std::string_view rest = text;
  if (Consume(rest, kUnix)) return ParseSocketPath(text);
  const bool tls = Consume(rest, kTls);
  if (!tls && !Consume(rest, kTcp)) return Invalid(text);
  const auto target = Split(rest);
  if (!target || target->host.empty() || target->port == 0) return Invalid(text);
  return Address{tls ? Address::Kind::kTls : Address::Kind::kTcp, target->host,
                 target->port.value_or(0), ""};
}

absl::StatusOr<Address> ParseListenAddress(std::string_view text) {
  std::string_view rest = text;
  if (Consume(rest, kUnix)) return ParseSocketPath(text);
  const bool tls = Consume(rest, kTls);
  if (!tls) Consume(rest, kTcp);
  const auto target = Split(rest);
  if (!target || !target->port) return Invalid(text);
  return Address{tls ? Address::Kind::kTls : Address::Kind::kTcp, target->host, *target->port, ""};
}

absl::StatusOr<Address> ParseSocketPath(std::string_view text) {
  std::string_view path = text;
  Consume(path, kUnix);
  while (path.substr(0, 2) == "//") path.remove_prefix(1);
  if (path.empty() || path.find('\0') != path.npos) return Invalid(text);
  return Address{Address::Kind::kUnix, "", 0, std::string(path)};
}

}  // namespace praefect::config
