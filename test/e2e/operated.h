#pragma once

// A cluster with books, and the commands by which an operator sees and decides.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "e2e/cluster.h"

namespace praefect::test {

class Operated {
 public:
  explicit Operated(ClusterSetup setup = {});

  // `praefect -config FILE ARGUMENTS`.
  Outcome Praefect(std::vector<std::string> arguments) const;
  nlohmann::json Status() const;
  // Whether a finding comes to say this.
  bool Finds(const std::string& what) const;
  // Whether it comes to so many repositories, and nothing that is wrong or due.
  bool IsWell(int repositories) const;
  Outcome Replicas(const std::string& path) const;

  Cluster cluster;

 private:
  const std::filesystem::path config_file_ = cluster.Scratch("operator.toml");
};

}  // namespace praefect::test
