#pragma once

// Plays one HTTP/2 connection to its end against a peer that a fuzzer invented, with an application
// that answers, relays, holds back and gives up, and checks what http2/connection.h promises. Knows
// nothing but that header.
//
// An input is kKnobs bytes, which say what the application and the transport do (the enumerations
// and tables in played_connection.cc), and then the bytes of the peer.

#include <cstddef>
#include <cstdint>

#include "http2/connection.h"

namespace praefect::fuzz {

inline constexpr size_t kKnobs = 8;

void PlayConnection(http2::Connection::Side side, const uint8_t* data, size_t size);

}  // namespace praefect::fuzz
