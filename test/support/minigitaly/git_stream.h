#pragma once

// A git whose three streams travel over a call while it runs, with back-pressure: git waits when
// the caller does not read, the caller waits when git does not.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "git.h"

namespace praefect::minigitaly {

// The largest piece of output in one message, as Gitaly sends it.
inline constexpr size_t kStreamChunkBytes = 128 << 10;

struct GitStream {
  // The next piece of input; nothing at its end. Called on a thread of its own.
  std::function<std::optional<std::string>()> input;
  // False when nobody receives any more: git is ended then. Called on two threads.
  std::function<bool(std::string_view)> output;
  std::function<bool(std::string_view)> error;
};

// Runs to the end of git and returns its exit status. Reads of the call that still wait then are
// stopped.
absl::StatusOr<int> RunGitStream(Call& call, Git& git, const std::vector<std::string>& arguments,
                                 const GitStream& stream);

}  // namespace praefect::minigitaly
