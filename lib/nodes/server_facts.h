#pragma once

// What a node says about itself (ServerService/ServerInfo).

#include <string>
#include <vector>

namespace praefect::nodes {

struct ServerFacts {
  struct Storage {
    std::string name;
    std::string filesystem_id;  // empty: the node cannot say
    bool operator==(const Storage&) const = default;
  };
  std::string server_version, git_version;  // "13.12.0", "2.31.1"
  std::vector<Storage> storages;
  bool operator==(const ServerFacts&) const = default;
};

}  // namespace praefect::nodes
