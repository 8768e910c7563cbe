#include "http2/header_rules.h"

#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace praefect::http2 {
namespace {

// Bits of seen_.
constexpr uint8_t kMethod = 1, kScheme = 2, kPath = 4, kAuthority = 8, kStatus = 16;

// Those of a token (RFC 9110, 5.6.2) without capital letters.
constexpr std::array<bool, 256> kNameBytes = [] {
  std::array<bool, 256> allowed{};
  for (unsigned char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")) {
    allowed[c] = true;
  }
  return allowed;
}();

bool IsName(std::string_view name) {
  for (char c : name) {
    if (!kNameBytes[static_cast<unsigned char>(c)]) return false;
  }
  return !name.empty();
}

bool IsControl(unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; }

// Whether any of eight bytes is below 0x20, or 0x7f: a tab is looked at again.
bool MayHoldControl(uint64_t bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = kOnes * 0x80;
  const uint64_t below = (bytes - kOnes * 0x20) & ~bytes & kHigh;
  const uint64_t del = bytes ^ kOnes * 0x7f;
  return (below | ((del - kOnes) & ~del & kHigh)) != 0;
}

bool IsValue(std::string_view value) {
  const char* at = value.data();
  size_t left = value.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t bytes;
    memcpy(&bytes, at, 8);
    if (!MayHoldControl(bytes)) continue;
    for (int i = 0; i < 8; i++) {
      if (IsControl(static_cast<unsigned char>(at[i]))) return false;
    }
  }
  for (; left > 0; at++, left--) {
    if (IsControl(static_cast<unsigned char>(*at))) return false;
  }
  return true;
}

// They concern one connection, which HTTP/2 has frames for (8.2.2).
bool IsOfConnection(std::string_view name) {
  switch (name.size()) {
    case 7:
      return name == "upgrade";
    case 10:
      return name == "connection" || name == "keep-alive";
    case 16:
      return name == "proxy-connection";
    case 17:
      return name == "transfer-encoding";
    default:
      return false;
  }
}

uint8_t PseudoBit(HeaderRules::Block block, std::string_view name) {
  if (block == HeaderRules::Block::kResponse) return name == ":status" ? kStatus : 0;
  if (block != HeaderRules::Block::kRequest) return 0;
  if (name == ":method") return kMethod;
  if (name == ":scheme") return kScheme;
  if (name == ":path") return kPath;
  return name == ":authority" ? kAuthority : 0;
}

// Digits and nothing else.
template <typename Number>
bool ParseDigits(std::string_view text, Number& number) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool HeaderRules::AreBytesAllowed(std::string_view name, std::string_view value) {
  const bool pseudo = !name.empty() && name[0] == ':';
  return IsName(name.substr(pseudo ? 1 : 0)) && IsValue(value);
}

bool HeaderRules::Accept(std::string_view name, std::string_view value, bool bytes_allowed) {
  if (malformed_) return false;
  malformed_ = !(bytes_allowed || AreBytesAllowed(name, value)) ||
               !(name[0] == ':' ? AcceptPseudo(name, value) : AcceptRegular(name, value));
  return !malformed_;
}

bool HeaderRules::AcceptPseudo(std::string_view name, std::string_view value) {
  const uint8_t bit = PseudoBit(block_, name);
  if (regular_ || bit == 0 || (seen_ & bit) != 0) return false;
  seen_ |= bit;
  switch (bit) {
    case kMethod:
      connect_ = value == "CONNECT";
      return !value.empty() && value.find_first_of(" \t") == std::string_view::npos;
    case kScheme:
      return !value.empty();
    case kPath:
      return !value.empty() && (value[0] == '/' || value == "*");
    case kStatus:
      return value.size() == 3 && ParseDigits(value, status_) && status_ >= 100 && status_ != 101;
    default:
      return true;
  }
}

bool HeaderRules::AcceptRegular(std::string_view name, std::string_view value) {
  regular_ = true;
  if (IsOfConnection(name)) return false;
  if (name == "te") return value == "trailers";
  if (name != "content-length" || block_ == Block::kTrailers) return true;
  int64_t length = 0;
  if (!ParseDigits(value, length)) return false;
  const int64_t before = std::exchange(content_length_, length);
  return before == kNoLength || before == length;
}

bool HeaderRules::Complete() const {
  if (malformed_) return false;
  switch (block_) {
    case Block::kRequest:
      if (connect_) return seen_ == (kMethod | kAuthority);
      return (seen_ & (kMethod | kScheme | kPath)) == (kMethod | kScheme | kPath);
    case Block::kResponse:
      return (seen_ & kStatus) != 0;
    case Block::kTrailers:
      return true;
  }
  return false;
}

int64_t HeaderRules::content_length() const {
  const bool without_content = informational() || status_ == 204 || status_ == 304;
  return without_content ? kNoLength : content_length_;
}

}  // namespace praefect::http2
