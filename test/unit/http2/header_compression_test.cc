// HPACK, compared with the examples of RFC 7541 and with nghttp2.

#include <catch2/catch.hpp>

#include <random>

#include "http2/header_decoder.h"
#include "http2/header_encoder.h"
#include "support/hpack_oracle.h"

namespace praefect::http2 {
namespace {

using Fields = OracleFields;

constexpr size_t kLongestString = 64 << 10;

struct Decoder {
  std::vector<char> scratch;
  HeaderDecoder decoder{kLongestString, scratch};

  // In pieces of this size; nullopt: not HPACK.
  std::optional<Fields> Decode(std::string_view block, size_t piece = 1 << 20) {
    Fields fields;
    auto take = [&](const HeaderDecoder::Field& field) {
      fields.push_back({std::string(field.name), std::string(field.value), field.sensitive});
    };
    do {
      // Of its own, so that a sanitizer sees who reads behind it.
      const std::vector<uint8_t> part(block.begin(), block.begin() + std::min(piece, block.size()));
      block.remove_prefix(part.size());
      if (!decoder.Decode(part.data(), part.size(), block.empty(), take)) return std::nullopt;
    } while (!block.empty());
    return fields;
  }
};

struct Encoder {
  std::vector<uint8_t> scratch;
  HeaderEncoder encoder;

  std::string Encode(const Fields& fields) {
    HeaderList headers;
    for (const auto& [name, value, sensitive] : fields) headers.Add(name, value, sensitive);
    return std::string(encoder.Encode(headers, scratch));
  }
};

std::string Unhex(std::string_view hex) {
  std::string bytes;
  int digits = 0, value = 0;
  for (char c : hex) {
    if (c == ' ') continue;
    value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    if (++digits % 2 == 0) bytes += static_cast<char>(std::exchange(value, 0));
  }
  return bytes;
}

std::optional<Fields> DecodeHex(std::string_view hex) { return Decoder().Decode(Unhex(hex)); }

// A field whose name and value are drawn from a few that come again, or are new.
OracleField AnyField(std::mt19937& random) {
  static const std::vector<std::string> names = {
      ":path", "content-type", "x-gitaly-metadata", "accept-encoding", "grpc-status", ""};
  auto text = [&](size_t longest) {
    std::string made(random() % (longest + 1), '\0');
    const bool readable = random() % 4 != 0;
    for (char& c : made) c = static_cast<char>(readable ? ' ' + random() % 95 : random());
    return made;
  };
  const bool known = random() % 4 != 0;
  return {known ? names[random() % names.size()] : text(40),
          random() % 2 == 0 ? std::to_string(random() % 20) : text(random() % 30 == 0 ? 5'000 : 60),
          random() % 8 == 0};
}

Fields AnyFields(std::mt19937& random) {
  Fields fields(random() % 12);
  for (OracleField& field : fields) field = AnyField(random);
  return fields;
}

// ---- decoding -------------------------------------------------------------------------------

TEST_CASE("the examples of single fields in RFC 7541, C.2") {
  CHECK(DecodeHex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572") ==
        Fields{{"custom-key", "custom-header"}});
  CHECK(DecodeHex("040c 2f73 616d 706c 652f 7061 7468") == Fields{{":path", "/sample/path"}});
  CHECK(DecodeHex("1008 7061 7373 776f 7264 0673 6563 7265 74") ==
        Fields{{"password", "secret", true}});
  CHECK(DecodeHex("82") == Fields{{":method", "GET"}});
}

TEST_CASE("an empty Huffman code says nothing") {
  CHECK(DecodeHex("1080 00") == Fields{{"", "", true}});
}

TEST_CASE("the examples of requests in RFC 7541, C.3 and C.4") {
  const Fields first = {
      {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "www.example.com"}};
  Fields second = first;
  second.push_back({"cache-control", "no-cache"});
  const Fields third = {{":method", "GET"},
                        {":scheme", "https"},
                        {":path", "/index.html"},
                        {":authority", "www.example.com"},
                        {"custom-key", "custom-value"}};
  Decoder plain, huffman;
  CHECK(plain.Decode(Unhex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d")) == first);
  CHECK(plain.Decode(Unhex("8286 84be 5808 6e6f 2d63 6163 6865")) == second);
  CHECK(plain.Decode(Unhex("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75"
                           "65")) == third);
  CHECK(huffman.Decode(Unhex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")) == first);
  CHECK(huffman.Decode(Unhex("8286 84be 5886 a8eb 1064 9cbf")) == second);
  CHECK(huffman.Decode(Unhex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")) ==
        third);
}

TEST_CASE("the examples of responses in RFC 7541, C.5 and C.6, whose table has 256 bytes") {
  const std::string size = "3fe1 01";
  const Fields first = {{":status", "302"},
                        {"cache-control", "private"},
                        {"date", "Mon, 21 Oct 2013 20:13:21 GMT"},
                        {"location", "https://www.example.com"}};
  Fields second = first;
  second[0].value = "307";
  const Fields third = {{":status", "200"},
                        {"cache-control", "private"},
                        {"date", "Mon, 21 Oct 2013 20:13:22 GMT"},
                        {"location", "https://www.example.com"},
                        {"content-encoding", "gzip"},
                        {"set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"}};
  Decoder plain, huffman;
  CHECK(plain.Decode(Unhex(size +
                           "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420"
                           "3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77"
                           "7777 2e65 7861 6d70 6c65 2e63 6f6d")) == first);
  CHECK(plain.Decode(Unhex("4803 3330 37c1 c0bf")) == second);
  CHECK(plain.Decode(Unhex("88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32"
                           "3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a"
                           "584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33"
                           "3630 303b 2076 6572 7369 6f6e 3d31")) == third);
  CHECK(
      huffman.Decode(Unhex(size + "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504"
                                  "0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae"
                                  "43d3")) == first);
  CHECK(huffman.Decode(Unhex("4883 640e ffc1 c0bf")) == second);
  CHECK(huffman.Decode(Unhex("88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a"
                             "839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36"
                             "72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07")) ==
        third);
}

TEST_CASE("what is no HPACK is refused") {
  const std::pair<const char*, const char*> blocks[] = {
      {"80", "field 0"},
      {"be", "field 62, of an empty table"},
      {"ff", "a number without an end"},
      {"ff80 8080 8080 01", "a number of more than 32 bits"},
      {"ffff ffff ff7f", "likewise"},
      {"ff81 ffff ff0f", "field 2^32 - 1 + 127"},
      {"41", "a value that is missing"},
      {"4103 6161", "a value that is cut short"},
      {"0003 6161", "a name that is cut short"},
      {"7e01 61", "a name from an empty table"},
      {"00ff ffff 7f61", "a name longer than 64 KiB"},
      {"3fe2 1f", "a table of more than 4,096 bytes"},
      {"8220", "a table's size behind a field"},
      {"4184 ffff ffff", "EOS"},
      {"4182 1fff", "padding of eight bits"},
      {"4181 18", "padding of zeros"},
      {"4185 1fff ffff ff", "EOS behind a byte"},
  };
  for (const auto& [block, why] : blocks) {
    INFO(why);
    CHECK_FALSE(DecodeHex(block));
    CHECK_FALSE(OracleDecoder().Decode(Unhex(block)));
  }
}

TEST_CASE("the table's size may be set more than once before the first field") {
  Decoder decoder;
  CHECK(decoder.Decode(Unhex("4101 61")) == Fields{{":authority", "a"}});
  CHECK(decoder.Decode(Unhex("be")) == Fields{{":authority", "a"}});
  CHECK(decoder.Decode(Unhex("203f e11f 82")) == Fields{{":method", "GET"}});
  CHECK_FALSE(decoder.Decode(Unhex("be")));
}

TEST_CASE("a field larger than the table empties it") {
  Decoder decoder;
  CHECK(decoder.Decode(Unhex("4101 61")));
  const std::string large = Unhex("417f a11f") + std::string(4'128, 'b');
  CHECK(decoder.Decode(large) == Fields{{":authority", std::string(4'128, 'b')}});
  CHECK_FALSE(decoder.Decode(Unhex("be")));
}

TEST_CASE("every byte comes out of the Huffman code") {
  OracleEncoder peer;
  Decoder decoder;
  for (int byte = 0; byte < 256; byte++) {
    // Long enough for nghttp2 to code it, with the byte at every place of eight bits.
    std::string value;
    for (int i = 0; i < 8; i++)
      value += std::string(9 + i % 3, 'a') + static_cast<char>(byte) + 'A';
    const Fields fields = {{"x", value}};
    const std::string block = peer.Encode(fields);
    REQUIRE(block.size() < value.size());
    REQUIRE(decoder.Decode(block) == fields);
  }
}

TEST_CASE("what nghttp2 says is understood, in pieces of any size") {
  std::mt19937 random(1);
  OracleEncoder peer;
  Decoder whole, in_pieces;
  for (int i = 0; i < 3'000; i++) {
    if (random() % 50 == 0) peer.SetTableSize(random() % 5'000);
    const Fields fields = AnyFields(random);
    const std::string block = peer.Encode(fields);
    REQUIRE(whole.Decode(block) == fields);
    REQUIRE(in_pieces.Decode(block, 1 + random() % 20) == fields);
  }
}

// ---- encoding -------------------------------------------------------------------------------

TEST_CASE("nghttp2 understands what we say") {
  std::mt19937 random(2);
  Encoder encoder;
  OracleDecoder peer;
  Decoder decoder;
  for (int i = 0; i < 3'000; i++) {
    for (int times = 0; random() % 20 == 0 && times < 3; times++) {
      encoder.encoder.SetTableSize(random() % 5'000);
    }
    const Fields fields = AnyFields(random);
    const std::string block = encoder.Encode(fields);
    REQUIRE(peer.Decode(block) == fields);
    REQUIRE(decoder.Decode(block) == fields);
  }
}

TEST_CASE("a field that comes again costs a byte from the third time on") {
  const Fields fields = {{":method", "POST"}, {"user-agent", "grpc-go/1.60"}, {"x-site", "one"}};
  Encoder encoder;
  OracleDecoder peer;
  for (size_t size : {28, 27, 3, 3}) {
    const std::string block = encoder.Encode(fields);
    CHECK(block.size() == size);
    CHECK(peer.Decode(block) == fields);
  }
}

TEST_CASE("what is another one every time pushes nothing out of the table") {
  Encoder encoder;
  const Fields lasting = {{"x-site", "one"}};
  encoder.Encode(lasting);
  encoder.Encode(lasting);
  for (int i = 0; i < 1'000; i++) encoder.Encode({{"x-request", std::to_string(i)}});
  CHECK(encoder.Encode(lasting).size() == 1);
}

TEST_CASE("a sensitive field never enters the table, and says so to others") {
  const Fields fields = {{"authorization", "Bearer v2.hunter2", true}};
  Encoder encoder;
  OracleDecoder peer;
  for (int i = 0; i < 4; i++) {
    const std::string block = encoder.Encode(fields);
    CHECK(block.find("hunter2") != std::string::npos);
    CHECK(peer.Decode(block) == fields);
  }
}

TEST_CASE("a peer that allows no table gets none") {
  const Fields fields = {{"x-site", "one"}};
  Encoder encoder;
  encoder.encoder.SetTableSize(0);
  for (int i = 0; i < 4; i++) {
    OracleDecoder fresh;  // it knows nothing of the blocks before
    CHECK(fresh.Decode(encoder.Encode(fields)) == fields);
  }
}

TEST_CASE("the smallest of several sizes of the table is said as well as the last") {
  Encoder encoder;
  OracleDecoder peer;
  const Fields fields = {{"x-site", "one"}};
  for (int i = 0; i < 3; i++) peer.Decode(encoder.Encode(fields));
  encoder.encoder.SetTableSize(0);
  encoder.encoder.SetTableSize(100'000);
  const std::string block = encoder.Encode(fields);
  CHECK(block.substr(0, 4) == Unhex("203f e11f"));
  CHECK(peer.Decode(block) == fields);
}

}  // namespace
}  // namespace praefect::http2
