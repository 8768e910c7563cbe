#pragma once

#include <string>
#include <string_view>

namespace praefect::minigitaly {

// Gitaly's checksum of a repository from what `git show-ref --head` prints: the exclusive or of the
// SHA-1 of every line "OID NAME" whose name is HEAD or lies in one of the name spaces that belong
// to users. 40 zeros without any.
std::string ReferenceChecksum(std::string_view show_ref_output);

}  // namespace praefect::minigitaly
