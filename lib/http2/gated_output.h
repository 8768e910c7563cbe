#pragma once

// Which of the bytes that wait for a socket belong to streams with a SendGate. Bytes are told apart
// by how many entered the output before them. Internal to this module.

#include <cstdint>
#include <memory>
#include <vector>

#include "http2/send_gate.h"

namespace praefect::http2 {

class GatedOutput {
 public:
  // Bytes [begin, end), behind all that were added before. `headers`: they begin the stream.
  void Add(const std::shared_ptr<const SendGate>& gate, bool headers, uint64_t begin, uint64_t end);
  // Whether what is queued may be handed over, now that the socket took `written` bytes in all.
  bool MayWrite(uint64_t written);

 private:
  struct Range {
    std::shared_ptr<const SendGate> gate;
    bool headers;
    uint64_t begin, end;
  };

  std::vector<Range> ranges_;
};

}  // namespace praefect::http2
