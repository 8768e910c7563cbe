// An HTTP/2 connection as Praefect has it to a client, under libFuzzer; played_connection.h says
// what an input is. Seeds were recorded by test/fuzz/record.

#include "fuzz/played_connection.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  praefect::fuzz::PlayConnection(praefect::http2::Connection::Side::kServer, data, size);
  return 0;
}
