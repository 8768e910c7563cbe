#include "e2e/abuse/endings.h"

#include <array>

namespace praefect::test {
namespace {

// RFC 9113, section 7.
constexpr std::array kErrors = {"NO_ERROR",
                                "PROTOCOL_ERROR",
                                "INTERNAL_ERROR",
                                "FLOW_CONTROL_ERROR",
                                "SETTINGS_TIMEOUT",
                                "STREAM_CLOSED",
                                "FRAME_SIZE_ERROR",
                                "REFUSED_STREAM",
                                "CANCEL",
                                "COMPRESSION_ERROR",
                                "CONNECT_ERROR",
                                "ENHANCE_YOUR_CALM",
                                "INADEQUATE_SECURITY",
                                "HTTP_1_1_REQUIRED"};

// Of a GOAWAY that tells of an error: the connection must be closed as well.
std::string Goaway(RawConnection& connection, const Frame& frame) {
  const std::string end = "GOAWAY " + ErrorName(frame.error_code());
  while (connection.Next()) {
  }
  return connection.ended() ? end : end + ", and not closed";
}

// Empty: the frame does not end its stream.
std::string EndIn(const Frame& frame) {
  if (frame.type == FrameType::kRstStream) return "RST_STREAM " + ErrorName(frame.error_code());
  if (frame.type == FrameType::kData && frame.end_stream()) return "no trailers";
  if (frame.type != FrameType::kHeaders || !frame.end_stream()) return "";
  const std::string http = FieldOf(frame.fields, ":status");
  if (!http.empty() && http != "200") return "HTTP " + http;
  return "status " + FieldOf(frame.fields, "grpc-status");
}

}  // namespace

std::string ErrorName(uint32_t http2_error) {
  return http2_error < kErrors.size() ? kErrors[http2_error] : std::to_string(http2_error);
}

std::map<uint32_t, std::string> EndsOf(RawConnection& connection, std::set<uint32_t> streams) {
  std::map<uint32_t, std::string> ends;
  std::string all;
  while (!streams.empty() && all.empty()) {
    const auto frame = connection.Next();
    if (!frame) {
      all = connection.ended() ? "closed" : "silence";
    } else if (frame->type == FrameType::kGoaway && frame->error_code() != kNoError) {
      all = Goaway(connection, *frame);
    } else if (streams.count(frame->stream) > 0) {
      const std::string end = EndIn(*frame);
      if (end.empty()) continue;
      ends[frame->stream] = end;
      streams.erase(frame->stream);
    }
  }
  for (const uint32_t stream : streams) ends[stream] = all;
  return ends;
}

std::string EndOf(RawConnection& connection, uint32_t stream) {
  return EndsOf(connection, {stream})[stream];
}

std::string EndOfConnection(RawConnection& connection) { return EndOf(connection, 0); }

}  // namespace praefect::test
