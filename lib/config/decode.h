#pragma once

#include "config/config.h"
#include "config/document.h"
#include "config/findings.h"

namespace praefect::config {

// Turns a document into a configuration: types, defaults, older spellings, secrets from files.
// Rules are not checked here (validate.h); what does not fit its type is reported and left at its
// default.
Config Decode(const Table& document, Findings& findings);

}  // namespace praefect::config
