#include "relay/calls.h"

#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>

namespace praefect::bench {
namespace {

constexpr size_t kFramingBytes = 5;
constexpr size_t kSmallBytes = 95;
// Protobuf tags of fields that are texts, messages (2) or numbers (0).
constexpr char kStorageName = 2 << 3 | 2, kRelativePath = 3 << 3 | 2, kProjectPath = 8 << 3 | 2;
constexpr char kRepository = 1 << 3 | 2, kLimit = 3 << 3 | 0;

void AppendNumber(std::string& message, uint64_t number) {
  for (; number >= 0x80; number >>= 7) message += static_cast<char>(number | 0x80);
  message += static_cast<char>(number);
}

void AppendField(std::string& message, char tag, std::string_view value) {
  message += tag;
  AppendNumber(message, value.size());
  message += value;
}

// Hashed storage, as GitLab names repositories.
std::string RepositoryField(std::string_view storage, size_t number) {
  const std::string digit(1, static_cast<char>('0' + number));
  std::string repository, field;
  AppendField(repository, kStorageName, storage);
  std::string hash(64, 'a');
  hash[0] = hash[63] = digit[0];
  AppendField(repository, kRelativePath, "@hashed/" + digit + "a/aa/" + hash + ".git");
  AppendField(repository, kProjectPath, "g/pr-" + digit);
  AppendField(field, kRepository, repository);
  return field;
}

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  uint32_t state = 1;  // incompressible, and no two pieces are alike
  for (char& byte : text) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

nghttp2_nv Field(std::string_view name, std::string_view value, uint8_t flags) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

}  // namespace

const Method* FindMethod(std::string_view path) {
  const auto found = std::find_if(kMethods.begin(), kMethods.end(),
                                  [&](const Method& method) { return method.path == path; });
  return found == kMethods.end() ? nullptr : &*found;
}

const Method& MethodOf(Shape shape) {
  return *std::find_if(kMethods.begin(), kMethods.end(),
                       [&](const Method& method) { return method.shape == shape; });
}

std::string Framed(std::string_view message) {
  std::string framed(1, '\0');  // not compressed
  for (int shift = 24; shift >= 0; shift -= 8) framed += static_cast<char>(message.size() >> shift);
  return framed.append(message);
}

const std::string& SmallMessage() {
  static const std::string message = Framed(Pattern(kSmallBytes));
  return message;
}

const std::string& TransferMessage() {
  static const std::string message = Framed(Pattern(kTransferBytes));
  return message;
}

std::string Request(std::string_view storage, size_t number, uint64_t download_bytes) {
  std::string message = RepositoryField(storage, number);
  if (download_bytes > 0) {
    message += kLimit;
    AppendNumber(message, download_bytes);
  }
  return Framed(message);
}

RequestCheck::RequestCheck(std::string_view storage) {
  for (size_t i = 0; i < kRepositories; ++i) texts_.push_back(RepositoryField(storage, i));
  repositories_.insert(texts_.begin(), texts_.end());
}

std::optional<uint64_t> RequestCheck::DownloadBytes(std::string_view message) const {
  if (repositories_.count(message.substr(0, texts_.front().size())) == 0) return std::nullopt;
  message.remove_prefix(texts_.front().size());
  if (message.empty()) return 0;
  if (message.front() != kLimit) return std::nullopt;
  message.remove_prefix(1);
  uint64_t number = 0;
  for (int shift = 0; !message.empty() && shift < 64; shift += 7, message.remove_prefix(1)) {
    number |= static_cast<uint64_t>(message.front() & 0x7f) << shift;
  }
  return number;
}

nghttp2_nv Lasting(std::string_view name, std::string_view value) {
  return Field(name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE);
}

nghttp2_nv Passing(std::string_view name, std::string_view value) {
  return Field(name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

std::string MakeAuthorization(std::string_view secret, int64_t unix_seconds) {
  const std::string time = std::to_string(unix_seconds);
  uint8_t hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const uint8_t*>(time.data()), time.size(), hash, &size);
  std::string text = "Bearer v2.";
  for (unsigned i = 0; i < size; ++i) {
    text += "0123456789abcdef"[hash[i] >> 4];
    text += "0123456789abcdef"[hash[i] & 15];
  }
  return text + "." + time;
}

bool IsAuthorized(std::string_view authorization, std::string_view secret) {
  const std::string_view time = authorization.substr(authorization.rfind('.') + 1);
  int64_t seconds = 0;
  std::from_chars(time.data(), time.data() + time.size(), seconds);
  return authorization == MakeAuthorization(secret, seconds);
}

}  // namespace praefect::bench
