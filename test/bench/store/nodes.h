#pragma once

// Three pretended nodes, as sets of writes, and what clients were told.

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace praefect::bench {

class Nodes {
 public:
  using Content = std::set<int64_t>;

  static const std::vector<std::string>& Names();

  void Apply(const std::string& node, int64_t write);
  Content Read(const std::string& node) const;
  void Mirror(const std::string& node, const Content& content);
  void Acknowledge(int64_t write);

  bool Equal(const std::string& node, const std::string& other) const;
  // Acknowledged writes that the node lacks.
  size_t Lost(const std::string& node) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Content> content_;
  Content acknowledged_;
};

}  // namespace praefect::bench
