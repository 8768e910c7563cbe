#pragma once

// A gRPC client by hand.

#include <cstdint>
#include <string>
#include <string_view>

#include "support/raw_http2/connection.h"

namespace praefect::test {

// What came back on one stream, until its end.
struct RawAnswer {
  Fields headers;           // the first block; of a trailers-only answer also the last
  Fields trailers;          // the last block
  std::string data;         // all DATA: gRPC messages with their prefixes
  size_t largest_data = 0;  // payload of the largest DATA frame
  bool reset = false;
  uint32_t reset_code = 0;

  std::string grpc_status() const { return FieldOf(trailers, "grpc-status"); }
  std::string grpc_message() const { return FieldOf(trailers, "grpc-message"); }
};

class RawClient {
 public:
  using Settings = std::vector<std::pair<uint16_t, uint32_t>>;
  explicit RawClient(const std::string& address, const Settings& settings = {});

  RawConnection& connection() { return connection_; }
  // Opens the next stream; `extra` replaces fields of the same name and adds others.
  uint32_t Open(std::string_view path, const Fields& extra = {}, bool end_stream = false);
  // Everything on `stream` until its end. Throws when it does not come.
  RawAnswer Answer(uint32_t stream);

 private:
  RawConnection connection_;
  uint32_t next_stream_ = 1;
};

}  // namespace praefect::test
