#include "e2e/abuse/abuse.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <exception>

#include "e2e/abuse/endings.h"

namespace praefect::test {
namespace {

std::string Commit(Site& site, const Abuse& abuse) {
  RawClient client(site.address());
  const uint32_t stream = client.Open(kBranch, site.Authorized());
  abuse.commit(client, stream);
  const auto& expected = abuse.expected;
  if (std::find(expected.begin(), expected.end(), "status 0") != expected.end()) {
    client.connection().SendMessage(stream, RequestFor(kSteady), true);
  }
  return EndOf(client.connection(), stream);
}

}  // namespace

std::string Repeat(int count, const std::string& frame) {
  std::string all;
  for (int i = 0; i < count; ++i) all += frame;
  return all;
}

void CheckAbuse(Site& site, const Abuse& abuse) {
  INFO(abuse.name);
  std::string end;
  try {
    end = Commit(site, abuse);
  } catch (const std::exception& error) {
    end = error.what();
  }
  CHECK_THAT(abuse.expected, Catch::VectorContains(end));
  site.CheckUnharmed();
}

}  // namespace praefect::test
