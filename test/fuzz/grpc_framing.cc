// What gRPC puts on top of HTTP/2, under libFuzzer: message prefixes, status, timeout and message
// coding of http2/grpc.h, and the first message of a request, gzip included. Byte 0 of an input
// says how it is cut into pieces, byte 1 what bounds and encodes the first message; the rest is the
// body of a request, and every text that is decoded. Seeds were recorded by test/fuzz/record.

#include <zlib.h>

#include <algorithm>
#include <optional>
#include <string>

#include "fuzz/require.h"
#include "http2/grpc.h"
#include "proxy/first_message.h"

namespace {

using praefect::fuzz::Require;
using namespace praefect::http2;

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

// The pieces of a text, of the sizes that byte 0 chooses.
class Cutter {
 public:
  Cutter(std::string_view text, uint8_t choice)
      : rest_(text), size_(choice % 8 == 0 ? text.size() : choice % 64 + 1) {}
  std::string_view Next() {
    const std::string_view piece = rest_.substr(0, size_);
    rest_.remove_prefix(piece.size());
    return piece;
  }

 private:
  std::string_view rest_;
  const size_t size_;
};

uint64_t CountMessages(std::string_view body) {
  uint64_t messages = 0;
  while (body.size() >= kMessagePrefix) {
    const size_t length = ReadPrefix(Bytes(body)).length;
    if (body.size() - kMessagePrefix < length) break;
    body.remove_prefix(kMessagePrefix + length);
    messages++;
  }
  return messages;
}

void CheckCounter(std::string_view body, uint8_t choice) {
  MessageCounter counter;
  Cutter cutter(body, choice);
  for (std::string_view piece = cutter.Next(); !piece.empty(); piece = cutter.Next()) {
    counter.Follow(Bytes(piece), piece.size());
  }
  Require(counter.messages() == CountMessages(body), "messages are counted however they are cut");
}

void CheckPrefix(std::string_view body) {
  if (body.size() < kMessagePrefix) return;
  uint8_t written[kMessagePrefix];
  WritePrefix(written, ReadPrefix(Bytes(body)));
  Require(std::equal(written, written + kMessagePrefix, Bytes(body)), "prefixes survive");
}

// The content of one gzip member that is all of `bytes` and inflates to at most `max_bytes`.
std::optional<std::string> Gunzip(std::string_view bytes, uint64_t max_bytes) {
  std::string content(max_bytes + 1, '\0');
  z_stream stream{};
  Require(inflateInit2(&stream, 15 + 16) == Z_OK, "zlib starts");
  stream.next_in = const_cast<Bytef*>(Bytes(bytes));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = static_cast<uInt>(content.size());
  const bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0;
  content.resize(stream.total_out);
  inflateEnd(&stream);
  if (!whole || content.size() > max_bytes) return std::nullopt;
  return content;
}

void CheckFirstMessage(std::string_view body, uint8_t cut, uint8_t choice) {
  static constexpr uint64_t kBounds[] = {0, 10, 100, 4'000, 100'000};
  static constexpr std::string_view kEncodings[] = {"gzip", "gzip", "", "identity", "snappy"};
  const uint64_t max_bytes = kBounds[choice % 5];
  const std::string_view encoding = kEncodings[choice / 5 % 5];
  MemoryMeter meter;
  {
    praefect::proxy::FirstMessage first(max_bytes, meter);
    size_t taken = 0;
    Cutter cutter(body, cut);
    for (std::string_view piece = cutter.Next(); !piece.empty(); piece = cutter.Next()) {
      const size_t n = first.Append(Bytes(piece), piece.size());
      taken += n;
      if (n < piece.size()) break;
    }
    Require(meter.bytes == static_cast<int64_t>(taken), "what is collected is counted");
    Require(taken <= max_bytes + kMessagePrefix, "no more is collected than may be");
    if (body.size() < kMessagePrefix) return;
    const MessagePrefix prefix = ReadPrefix(Bytes(body));
    Require(first.too_long() == (prefix.length > max_bytes), "a message that is too long is told");
    const bool whole = CountMessages(body) > 0 && prefix.length <= max_bytes;
    Require(first.complete() == whole, "a message is complete when all of it came");
    if (!whole) return;
    const std::string_view message = body.substr(kMessagePrefix, prefix.length);
    const auto opened = first.Open(encoding);
    Require(opened.ok || !opened.refusal.reason.empty(), "a refusal has a reason");
    if (prefix.flag == 0)
      return Require(opened.ok && opened.message == message, "a message passes as it is");
    const auto content =
        prefix.flag == 1 && encoding == "gzip" ? Gunzip(message, max_bytes) : std::nullopt;
    Require(opened.ok == content.has_value(), "what can be inflated within its bound is");
    Require(!opened.ok || opened.message == *content, "what was compressed comes out");
  }
  Require(meter.bytes == 0, "what was collected is given back");
}

void CheckTexts(std::string_view text) {
  const std::string encoded = PercentEncode(text);
  Require(PercentDecode(encoded) == text, "messages survive");
  Require(std::all_of(encoded.begin(), encoded.end(), [](char c) { return c >= ' ' && c <= '~'; }),
          "messages are printable");
  Require(PercentDecode(text).size() <= text.size(), "decoding only shortens");
  if (const auto status = ParseStatus(text)) {
    Require(!StatusName(*status).empty(), "statuses have names");
  }
  if (const auto timeout = ParseTimeout(text)) {
    const std::string formatted = FormatTimeout(*timeout);
    const auto again = ParseTimeout(formatted);
    Require(again.has_value() && *again <= *timeout, "a timeout does not grow on its way");
    // Beyond 99,999,999 minutes it is cut.
    const bool close = *timeout - *again < std::chrono::minutes(1);
    Require(close || formatted == "99999999M", "a timeout stays what it was, to the minute");
  }
  StatusFromHttp(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  CheckCounter(body, data[0]);
  CheckPrefix(body);
  CheckFirstMessage(body, data[0], data[1]);
  CheckTexts(body);
  return 0;
}
