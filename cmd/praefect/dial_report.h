#pragma once

// What `dial-nodes` found out, for people and for programs.

#include <string>
#include <vector>

#include "nodes/inspection.h"

namespace praefect::cmd {

// A paragraph for each server: what is well, and for the others the first broken layer, what is
// wrong and what to change.
std::string DialReportText(const std::vector<nodes::Inspection>& inspections);

// One JSON document, with a newline at its end.
std::string DialReportJson(const std::vector<nodes::Inspection>& inspections);

}  // namespace praefect::cmd
