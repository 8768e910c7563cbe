#pragma once

// One line for each call, with upstream's field names.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "gitaly/method.h"
#include "http2/grpc.h"
#include "http2/headers.h"
#include "observe/log.h"

namespace praefect::proxy {

// What is to be said of a call when it has ended. Views live until WriteAccessLine returns.
struct AccessRecord {
  std::string_view path;                   // /package.Service/Method as the client sent it
  const gitaly::Method* method = nullptr;  // nullptr: local or unknown
  bool unary = false;                      // of a local method: says so as upstream does
  const http2::HeaderList* request = nullptr;
  std::string_view peer;
  std::string_view correlation_id;
  std::string_view virtual_storage, relative_path;  // as the client named them
  std::string_view storage;                         // where the call went; empty: nowhere
  http2::StatusCode code = http2::StatusCode::kOk;
  std::string_view error;          // the status message; empty on success
  std::string_view refusal, hint;  // Praefect's own refusals: reason, and what to change
  bool authenticated = false;
  std::chrono::system_clock::time_point start;
  std::chrono::nanoseconds total{0};
  std::chrono::nanoseconds in_gitaly{0};   // from the call's leaving to its answer's end
  std::chrono::milliseconds deadline{-1};  // after start; negative: none
  uint64_t request_bytes = 0, response_bytes = 0;
  int attempts = 0;                       // more than 1: sent again
  int64_t repository_id = 0;              // in the books; 0: not known
  int64_t intent = 0;                     // as which a write was recorded; 0: it was not
  bool stale_route = false;               // the books could not be asked
  std::chrono::nanoseconds settling{-1};  // of a write's OK; negative: it did not come to that
};

void WriteAccessLine(observe::Logger& logger, const AccessRecord& record);

}  // namespace praefect::proxy
