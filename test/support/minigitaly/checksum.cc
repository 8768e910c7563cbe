#include "checksum.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>

#include "git.h"

namespace praefect::minigitaly {
namespace {

bool Counts(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return false;
  const std::string_view name = line.substr(space + 1);
  if (name == "HEAD") return true;
  for (std::string_view prefix : {"refs/heads/", "refs/tags/", "refs/keep-around/",
                                  "refs/merge-requests/", "refs/environments/", "refs/notes/"}) {
    if (name.substr(0, prefix.size()) == prefix) return true;
  }
  return false;
}

}  // namespace

std::string ReferenceChecksum(std::string_view show_ref_output) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> sum{};
  for (const std::string& line : Lines(show_ref_output)) {
    if (!Counts(line)) continue;
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
    SHA1(reinterpret_cast<const unsigned char*>(line.data()), line.size(), digest.data());
    for (size_t i = 0; i < sum.size(); ++i) sum[i] ^= digest[i];
  }
  std::string text;
  for (unsigned char byte : sum) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace praefect::minigitaly
