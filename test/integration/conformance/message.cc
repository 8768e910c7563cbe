#include "integration/conformance/message.h"

#include <openssl/hmac.h>
#include <zlib.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>

#include "support/raw_http2/frame.h"

namespace praefect::test {
namespace {

constexpr uint32_t kUnknownField = 1000;

void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// zlib's window bits for a gzip header.
constexpr int kGzipWindow = 15 + 16;

}  // namespace

std::string BytesField(uint32_t number, std::string_view bytes) {
  std::string out;
  AppendVarint(out, number << 3 | 2);
  AppendVarint(out, bytes.size());
  out.append(bytes);
  return out;
}

std::string Repository(std::string_view storage, std::string_view path) {
  return BytesField(2, storage) + BytesField(3, path);
}

std::string Request(std::string_view storage, std::string_view payload) {
  std::string request = BytesField(1, Repository(storage));
  if (!payload.empty()) request += BytesField(kUnknownField, payload);
  return request;
}

std::string ServerInfo(const std::vector<std::string>& storages, std::string_view version) {
  std::string info = BytesField(1, version);
  for (const std::string& storage : storages) {
    constexpr std::string_view kReadableAndWriteable = "\x10\x01\x18\x01";
    info += BytesField(3, BytesField(1, storage).append(kReadableAndWriteable));
  }
  return info;
}

std::string Pattern(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  uint32_t state = seed * 2654435761u + 1;
  for (char& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

std::string JoinMessages(std::string_view framed) {
  std::string out;
  while (!framed.empty()) {
    const size_t size = ReadU32(framed, 1);
    if (framed.size() < 5 + size) throw std::runtime_error("a message is cut short");
    out.append(framed.substr(5, size));
    framed.remove_prefix(5 + size);
  }
  return out;
}

std::string Gzip(std::string_view bytes) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Gunzip(std::string_view bytes) {
  z_stream stream{};
  inflateInit2(&stream, kGzipWindow);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  int result = Z_OK;
  while (result == Z_OK) {
    char buffer[16384];
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof(buffer);
    result = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof(buffer) - stream.avail_out);
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("not gzip");
  return out;
}

std::string Authorization(std::string_view secret, int64_t unix_seconds) {
  const std::string time = std::to_string(unix_seconds);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(time.data()), time.size(), mac, &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += "0123456789abcdef"[mac[i] >> 4];
    hex += "0123456789abcdef"[mac[i] & 15];
  }
  return "Bearer v2." + hex + "." + time;
}

bool IsAuthorizedBy(std::string_view secret, std::string_view value) {
  const size_t dot = value.rfind('.');
  if (dot == std::string_view::npos) return false;
  const int64_t time = std::atoll(std::string(value.substr(dot + 1)).c_str());
  return std::abs(time - UnixNow()) <= 30 && value == Authorization(secret, time);
}

int64_t UnixNow() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace praefect::test
