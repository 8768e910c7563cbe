#include "support/raw_http2/client.h"

#include <algorithm>
#include <stdexcept>

namespace praefect::test {

RawClient::RawClient(const std::string& address, const Settings& settings)
    : connection_(Dial(address)) {
  connection_.SendBytes(kClientPreface);
  connection_.SendSettings(settings);
}

uint32_t RawClient::Open(std::string_view path, const Fields& extra, bool end_stream) {
  Fields fields = {{":method", "POST"},          {":scheme", "http"},
                   {":path", std::string(path)}, {":authority", "raw"},
                   {"te", "trailers"},           {"content-type", "application/grpc"}};
  const auto replaced = [&extra](const auto& field) {
    return std::any_of(extra.begin(), extra.end(),
                       [&field](const auto& other) { return other.first == field.first; });
  };
  fields.erase(std::remove_if(fields.begin(), fields.end(), replaced), fields.end());
  for (const auto& field : extra) {
    const bool pseudo = field.first.starts_with(':');
    fields.insert(pseudo ? fields.begin() : fields.end(), field);
  }
  const uint32_t stream = next_stream_;
  next_stream_ += 2;
  connection_.SendHeaders(stream, fields, end_stream);
  return stream;
}

RawAnswer RawClient::Answer(uint32_t stream) {
  RawAnswer answer;
  while (auto frame = connection_.Next()) {
    if (frame->stream != stream) continue;
    if (frame->type == FrameType::kRstStream) {
      answer.reset = true;
      answer.reset_code = frame->error_code();
      return answer;
    }
    if (frame->type == FrameType::kData) {
      answer.data += frame->payload;
      answer.largest_data = std::max(answer.largest_data, frame->payload.size());
    }
    if (frame->type == FrameType::kHeaders) {
      if (answer.headers.empty()) answer.headers = frame->fields;
      answer.trailers = frame->fields;
    }
    if (frame->end_stream() && frame->type != FrameType::kWindowUpdate) return answer;
  }
  throw std::runtime_error("stream " + std::to_string(stream) + " has no end" +
                           (connection_.ended() ? ": the connection ended" : ""));
}

}  // namespace praefect::test
