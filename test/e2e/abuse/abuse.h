#pragma once

// One row of a table of abuses by clients.

#include <functional>
#include <string>
#include <vector>

#include "e2e/abuse/site.h"

namespace praefect::test {

struct Abuse {
  std::string name;
  // How `stream` or the connection ends, see endings.h. Where there are several, RFC 9113 leaves
  // the choice: a stream error may be treated as a connection error (5.4.1), and suspicious
  // activity as one of ENHANCE_YOUR_CALM (10.5). "status 0": the call goes on as if nothing had
  // happened.
  std::vector<std::string> expected;
  // On a new connection, where `stream` is open: its headers were sent and no message.
  std::function<void(RawClient& client, uint32_t stream)> commit;
};

// Commits it and judges what came of it, for its own connection and for everybody else.
void CheckAbuse(Site& site, const Abuse& abuse);

// `count` frames in one go.
std::string Repeat(int count, const std::string& frame);

}  // namespace praefect::test
