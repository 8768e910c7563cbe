#pragma once

#include "e2e/working_copy.h"

namespace praefect::test {

// Commits files of `mebibytes` in all that nothing can compress, and some hundred small ones,
// cheaply for git: what is large is the transfer, not the work on it.
void CommitRandomFiles(const WorkingCopy& copy, size_t mebibytes);

}  // namespace praefect::test
