#pragma once

#include <string_view>

namespace praefect::gitaly {

// The serialized FileDescriptorSet of all of Gitaly's API, with everything that it imports, in
// order of dependence. Lives as long as the process.
std::string_view EmbeddedDescriptorSet();

}  // namespace praefect::gitaly
