#pragma once

// What Praefect answers, in words that a table can hold:
//   "status 14"                   a call's end, with its grpc-status
//   "HTTP 415"                    an answer that is not gRPC's
//   "RST_STREAM CANCEL"           the stream was reset
//   "GOAWAY ENHANCE_YOUR_CALM"    the connection was ended with an error, and closed
//   "closed"                      the same without a word
//   "silence"                     nothing came for kPatience

#include <map>
#include <set>
#include <string>

#include "support/raw_http2/connection.h"

namespace praefect::test {

std::string EndOf(RawConnection& connection, uint32_t stream);
// Of several streams, as they come. What ends the connection ends all of them.
std::map<uint32_t, std::string> EndsOf(RawConnection& connection, std::set<uint32_t> streams);
// Of the connection itself.
std::string EndOfConnection(RawConnection& connection);

std::string ErrorName(uint32_t http2_error);

}  // namespace praefect::test
