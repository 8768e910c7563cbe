#include "http2/static_table.h"

#include <array>

namespace praefect::http2 {
namespace {

constexpr std::array<StaticField, kStaticFields + 1> kFields = {{
    {"", ""},  // they are counted from 1
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", ""},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", ""},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", ""},
    {"cookie", ""},
    {"date", ""},
    {"etag", ""},
    {"expect", ""},
    {"expires", ""},
    {"from", ""},
    {"host", ""},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", ""},
    {"refresh", ""},
    {"retry-after", ""},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", ""},
    {"user-agent", ""},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
}};

// A look-up compares one name: no two of them get the same place, which the compiler checks.
constexpr size_t kPlaces = 256;

constexpr size_t PlaceOf(std::string_view name) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(name[i]); };
  return (name.size() * 4 + at(name.size() - 1) * 60u + at(name.size() / 3)) % kPlaces;
}

struct Places {
  std::array<uint8_t, kPlaces> first{};  // where the name of this place stands first; 0: nowhere
  bool apart = true;
};

constexpr Places MakePlaces() {
  Places made;
  for (size_t i = 1; i <= kStaticFields; i++) {
    uint8_t& first = made.first[PlaceOf(kFields[i].name)];
    if (first == 0) {
      first = static_cast<uint8_t>(i);
    } else if (kFields[first].name != kFields[i].name) {
      made.apart = false;
    }
  }
  return made;
}

constexpr Places kPlaceOf = MakePlaces();
static_assert(kPlaceOf.apart);

}  // namespace

const StaticField& StaticFieldAt(uint32_t index) { return kFields[index]; }

StaticPlace FindStatic(std::string_view name, std::string_view value) {
  if (name.empty()) return {};
  const uint32_t first = kPlaceOf.first[PlaceOf(name)];
  if (kFields[first].name != name) return {};
  for (uint32_t i = first; i <= kStaticFields && kFields[i].name == name; i++) {
    if (kFields[i].value == value) return {first, i};
  }
  return {first, 0};
}

}  // namespace praefect::http2
