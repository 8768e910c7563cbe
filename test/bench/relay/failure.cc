#include "relay/failure.h"

#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

namespace praefect::bench {

void Fail(const std::string& why) {
  fmt::print(stderr, "{}: {}\n", program_invocation_short_name, why);
  _exit(1);
}

}  // namespace praefect::bench
