#pragma once

// What of a new configuration a running process can take, decided without taking it.

#include <string>
#include <vector>

#include "config/config.h"

namespace praefect::config {

struct ReloadPlan {
  // `wanted`, but with the running values of what needs a restart.
  Config config;
  // Keys and sections ("auth", "listen_addr"), in the order of the documentation; no values.
  std::vector<std::string> applied;       // whose new value is in `config`
  std::vector<std::string> need_restart;  // whose new value is not
};

ReloadPlan PlanReload(const Config& running, const Config& wanted);

}  // namespace praefect::config
