#pragma once

// What a request's headers say, read in one pass, and the headers that go on to a node.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "http2/buffer.h"
#include "http2/headers.h"
#include "nodes/snapshot.h"

namespace praefect::proxy {

// Views into the header list that it was read from.
struct RequestHeaders {
  std::string_view method, path, content_type, timeout, encoding, correlation_id;
  std::string_view client_name, call_site, deadline_type;  // empty where the client says nothing
  bool has_timeout = false;
};
RequestHeaders ReadRequestHeaders(const http2::HeaderList& headers);

// "application/grpc", alone or with a suffix or parameters.
bool IsGrpcContentType(std::string_view content_type);

// The headers of a call of Praefect's own, without those that MakeNodeHeaders adds. Refers to
// `path`, which must outlive the result.
http2::HeaderList OwnRequest(std::string_view path);

// The headers for a node (or a service of our own): the client's, without its credentials and what
// concerns its own hop only, with the node's token (`authorization`, unless it is empty), the time
// left and the correlation id. Refers to `request`, `authority` and `correlation_id`, which must
// outlive the result.
http2::HeaderList MakeNodeHeaders(const http2::HeaderList& request, std::string_view authority,
                                  std::string_view authorization, std::string_view correlation_id,
                                  std::optional<std::chrono::milliseconds> time_left);

// One message with its prefix, in a block of its own.
http2::Slice MakeMessage(http2::BlockPool& pool, std::string_view message);

}  // namespace praefect::proxy
