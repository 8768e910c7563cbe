#include "gitaly/descriptors.h"

// PRAEFECT_API_DESCRIPTORS is the path of the file that proto/ builds.
__asm__(
    ".pushsection .rodata, \"a\"\n"
    "praefect_api_descriptors_begin:\n"
    ".incbin \"" PRAEFECT_API_DESCRIPTORS
    "\"\n"
    "praefect_api_descriptors_end:\n"
    ".popsection\n");

extern "C" {
extern const char praefect_api_descriptors_begin[] __attribute__((visibility("hidden")));
extern const char praefect_api_descriptors_end[] __attribute__((visibility("hidden")));
}

namespace praefect::gitaly {

std::string_view EmbeddedDescriptorSet() {
  const auto size = praefect_api_descriptors_end - praefect_api_descriptors_begin;
  return {praefect_api_descriptors_begin, static_cast<size_t>(size)};
}

}  // namespace praefect::gitaly
