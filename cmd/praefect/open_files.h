#pragma once

#include <cstdint>

namespace praefect::cmd {

// Raises the process' soft limit of open files to the hard one, as every Go program does: services
// and shells often start with 1,024, which is meant for select(2). Returns the limit from now on.
uint64_t RaiseOpenFilesLimit();

}  // namespace praefect::cmd
