#include "http2/gated_output.h"

#include <algorithm>

namespace praefect::http2 {

void GatedOutput::Add(const std::shared_ptr<const SendGate>& gate, bool headers, uint64_t begin,
                      uint64_t end) {
  if (!headers && !ranges_.empty() && ranges_.back().gate == gate) {
    ranges_.back().end = end;
  } else {
    ranges_.push_back({gate, headers, begin, end});
  }
}

bool GatedOutput::MayWrite(uint64_t written) {
  if (ranges_.empty()) return true;
  std::erase_if(ranges_, [&](const Range& range) { return range.end <= written; });
  return std::all_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
    const bool begins = range.headers && range.begin >= written;
    return begins ? range.gate->MayBegin() : range.gate->MayContinue();
  });
}

}  // namespace praefect::http2
