#pragma once

// What the books cost, on this machine, as rows of a table for RESULTS.md.

namespace praefect::bench {

// Minutes: it fills databases with up to a million repositories of three replicas.
void PrintFigures();

}  // namespace praefect::bench
