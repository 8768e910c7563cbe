#include "gitaly/token.h"

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>
#include <optional>

namespace praefect::gitaly {
namespace {

using Signature = std::array<unsigned char, 32>;

Signature Sign(std::string_view secret, std::string_view text) {
  Signature signature;
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), signature.data(), &size);
  return signature;
}

std::string ToHex(const Signature& signature) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(signature.data()), signature.size()));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = HexDigit(hex[i]);
    const int low = HexDigit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

// As Go reads a decimal int64.
std::optional<int64_t> ToInteger(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

struct Token {
  std::string_view version;
  std::string signature;  // bytes
  std::string_view message;
};

std::optional<Token> Split(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(absl::string_view(authorization.data(), authorization.size()),
                                  absl::string_view(kScheme.data(), kScheme.size()))) {
    return std::nullopt;
  }
  const std::string_view token = authorization.substr(kScheme.size());
  const size_t first = token.find('.');
  if (first == token.npos) return std::nullopt;
  const size_t second = token.find('.', first + 1);
  if (second == token.npos) return std::nullopt;
  auto signature = FromHex(token.substr(first + 1, second - first - 1));
  if (!signature) return std::nullopt;
  return Token{token.substr(0, first), *std::move(signature), token.substr(second + 1)};
}

bool Equal(const Signature& wanted, const std::string& given) {
  return given.size() == wanted.size() &&
         CRYPTO_memcmp(wanted.data(), given.data(), wanted.size()) == 0;
}

}  // namespace

std::string MakeAuthorization(std::string_view secret, int64_t unix_seconds) {
  const std::string time = absl::StrCat(unix_seconds);
  return absl::StrCat("Bearer v2.", ToHex(Sign(secret, time)), ".", time);
}

TokenCheck CheckAuthorization(std::string_view secret, std::string_view authorization,
                              int64_t now_unix_seconds) {
  const auto token = Split(authorization);
  if (!token) return {TokenVerdict::kMissing};
  if (token->version != "v2") return {TokenVerdict::kWrongVersion};
  if (!Equal(Sign(secret, token->message), token->signature)) {
    return {TokenVerdict::kWrongSignature};
  }
  const auto issued = ToInteger(token->message);
  if (!issued) return {TokenVerdict::kBadTimestamp};
  // In 128 bits, since whoever holds the secret may sign any number.
  const __int128 age = __int128{now_unix_seconds} - *issued;
  if (age > kTokenTolerance.count()) return {TokenVerdict::kTooOld, *issued};
  if (age < -kTokenTolerance.count()) return {TokenVerdict::kTooNew, *issued};
  return {TokenVerdict::kGood, *issued};
}

}  // namespace praefect::gitaly
