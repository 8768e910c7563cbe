#include "service/filesystem_id.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>

namespace praefect::service {
namespace {

// 1ef1a8c6-cf52-4d0a-92a6-ca643e8bc7c5
constexpr Uuid kFilesystemNamespace = {0x1e, 0xf1, 0xa8, 0xc6, 0xcf, 0x52, 0x4d, 0x0a,
                                       0x92, 0xa6, 0xca, 0x64, 0x3e, 0x8b, 0xc7, 0xc5};

}  // namespace

std::string UuidV5(const Uuid& name_space, std::string_view name) {
  std::string hashed(name_space.begin(), name_space.end());
  hashed += name;
  std::array<uint8_t, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(hashed.data()), hashed.size(), digest.data());
  digest[6] = (digest[6] & 0x0f) | 0x50;  // version
  digest[8] = (digest[8] & 0x3f) | 0x80;  // variant
  std::string text;
  for (size_t i = 0; i < std::tuple_size_v<Uuid>; ++i) {
    const bool hyphen = i == 4 || i == 6 || i == 8 || i == 10;
    text += fmt::format("{}{:02x}", hyphen ? "-" : "", digest[i]);
  }
  return text;
}

std::string FilesystemId(std::string_view virtual_storage) {
  return UuidV5(kFilesystemNamespace, virtual_storage);
}

}  // namespace praefect::service
