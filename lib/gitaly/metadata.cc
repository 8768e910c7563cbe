#include "gitaly/metadata.h"

#include <absl/strings/escaping.h>

#include <cstdint>
#include <nlohmann/json.hpp>

namespace praefect::gitaly {
namespace {

using Json = nlohmann::json;

// Every failure looks alike, so that nothing of a secret gets into a message.
absl::Status NotServers() {
  return absl::InvalidArgumentError("gitaly-servers is not base64 of a JSON object of storages");
}

bool ReadString(const Json& object, const char* key, std::string& value) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return true;
  if (!found->is_string()) return false;
  value = found->get<std::string>();
  return true;
}

}  // namespace

std::string EncodeGitalyServers(const StorageServers& servers) {
  Json object = Json::object();
  for (const auto& [storage, server] : servers) {
    object[storage] = {{"address", server.address}, {"token", server.token}};
  }
  return absl::Base64Escape(object.dump(-1, ' ', false, Json::error_handler_t::replace));
}

absl::StatusOr<StorageServers> DecodeGitalyServers(std::string_view value) {
  std::string text;
  if (!absl::Base64Unescape(absl::string_view(value.data(), value.size()), &text)) {
    return NotServers();
  }
  const Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return NotServers();
  StorageServers servers;
  for (const auto& [storage, entry] : object.items()) {
    StorageServer& server = servers[storage];
    if (!entry.is_object() || !ReadString(entry, "address", server.address) ||
        !ReadString(entry, "token", server.token)) {
      return NotServers();
    }
  }
  return servers;
}

std::string MakeCorrelationId(std::chrono::system_clock::time_point now, std::mt19937_64& random) {
  constexpr char kDigits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  constexpr int kTimeDigits = 10;
  constexpr int kRandomDigits = 16;
  const auto since_epoch = now.time_since_epoch();
  const int64_t milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
  const auto time = static_cast<uint64_t>(milliseconds);

  std::string id;
  for (int i = kTimeDigits - 1; i >= 0; --i) id.push_back(kDigits[time >> (5 * i) & 31]);
  uint64_t bits = 0;
  for (int i = 0; i < kRandomDigits; ++i, bits >>= 5) {
    if (i % 8 == 0) bits = random();
    id.push_back(kDigits[bits & 31]);
  }
  return id;
}

}  // namespace praefect::gitaly
