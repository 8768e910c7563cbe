#include "e2e/operated.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace praefect::test {

using nlohmann::json;

Operated::Operated(ClusterSetup setup) : cluster(std::move(setup)) {
  // The configuration as an operator has it, with a port that is known.
  std::string config = cluster.config();
  const std::string any = "'127.0.0.1:0'";
  config.replace(config.find(any), any.size(),
                 "'" + cluster.praefect().address().substr(sizeof "tcp://" - 1) + "'");
  WriteFile(config_file_, config);
}

Outcome Operated::Praefect(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {PRAEFECT_PROGRAM, "-config", config_file_});
  return Run({arguments, {}, {}, {}, {}});
}

json Operated::Status() const {
  const Outcome outcome = Praefect({"status", "-o", "json"});
  INFO(outcome.error);
  json status = json::parse(outcome.output);
  CHECK((outcome.exit_status == 0) == status.at("ok").get<bool>());
  return status;
}

bool Operated::Finds(const std::string& what) const {
  return Eventually([&] {
    const json status = Status();
    const json& findings = status.at("findings");
    return std::any_of(findings.begin(), findings.end(), [&](const json& finding) {
      return finding.at("what").get<std::string>().find(what) != std::string::npos;
    });
  });
}

bool Operated::IsWell(int repositories) const {
  return Eventually([&] {
    const json status = Status();
    const json& storage = status.at("virtual_storages").at(0);
    return status.at("ok") == true && storage.at("repositories") == repositories &&
           storage.at("repositories_behind") == 0 && storage.at("jobs").empty();
  });
}

Outcome Operated::Replicas(const std::string& path) const {
  return cluster.Call("PraefectInfoService/RepositoryReplicas",
                      {{{"repository", cluster.Repository(path)}}});
}

}  // namespace praefect::test
