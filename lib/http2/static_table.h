#pragma once

// The fields that every HPACK peer knows by number (RFC 7541, appendix A).

#include <cstdint>
#include <string_view>

namespace praefect::http2 {

struct StaticField {
  std::string_view name, value;
};

inline constexpr uint32_t kStaticFields = 61;

// `index` from 1 to kStaticFields.
const StaticField& StaticFieldAt(uint32_t index);

// Where a name stands first, and where it stands with this value; 0: nowhere.
struct StaticPlace {
  uint32_t name = 0, field = 0;
};
StaticPlace FindStatic(std::string_view name, std::string_view value);

}  // namespace praefect::http2
