// HPACK under libFuzzer: a row of header blocks, decoded by ours in pieces and by nghttp2 at once,
// and what they say, encoded again by ours. Byte 0 of an input says how large the pieces are. Each
// block comes behind two bytes with its length, and one that is a new size of the encoder's table
// when it is even.

#include <algorithm>

#include "fuzz/require.h"
#include "http2/header_decoder.h"
#include "http2/header_encoder.h"
#include "support/hpack_oracle.h"

namespace {

using praefect::fuzz::Require;
using namespace praefect::http2;

constexpr size_t kLongestString = 64 << 10;  // as nghttp2 has it
constexpr size_t kBlockHead = 3;

class Codec {
 public:
  std::optional<OracleFields> Decode(std::string_view block, size_t piece_bytes) {
    OracleFields fields;
    auto take = [&](const HeaderDecoder::Field& field) {
      fields.push_back({std::string(field.name), std::string(field.value), field.sensitive});
    };
    do {
      const size_t size = std::min(piece_bytes, block.size());
      const std::vector<uint8_t> piece(block.begin(), block.begin() + static_cast<ssize_t>(size));
      block.remove_prefix(size);
      if (!decoder_.Decode(piece.data(), size, block.empty(), take)) return std::nullopt;
    } while (!block.empty());
    return fields;
  }

  std::string Encode(const OracleFields& fields) {
    HeaderList headers;
    for (const auto& [name, value, sensitive] : fields) headers.Add(name, value, sensitive);
    return std::string(encoder_.Encode(headers, block_));
  }
  void SetTableSize(uint32_t bytes) { encoder_.SetTableSize(bytes); }

 private:
  std::vector<char> text_;
  std::vector<uint8_t> block_;
  HeaderDecoder decoder_{kLongestString, text_};
  HeaderEncoder encoder_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece_bytes = data[0] % 8 == 0 ? size : data[0];
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  Codec codec;
  OracleDecoder oracle, reader;
  while (rest.size() >= kBlockHead) {
    const auto at = [&](size_t i) { return static_cast<uint8_t>(rest[i]); };
    if (at(2) % 2 == 0) codec.SetTableSize(at(2) * 32u);
    const std::string_view block = rest.substr(kBlockHead, at(0) + 256u * at(1));
    rest.remove_prefix(kBlockHead + block.size());
    const auto expected = oracle.Decode(block);
    Require(codec.Decode(block, piece_bytes) == expected, "a block says what it says to nghttp2");
    if (!expected.has_value()) return 0;
    Require(reader.Decode(codec.Encode(*expected)) == expected, "nghttp2 understands what we say");
  }
  return 0;
}
