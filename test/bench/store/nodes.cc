#include "nodes.h"

namespace praefect::bench {

const std::vector<std::string>& Nodes::Names() {
  static const std::vector<std::string> names = {"a", "b", "c"};
  return names;
}

void Nodes::Apply(const std::string& node, int64_t write) {
  const std::lock_guard lock(mutex_);
  content_[node].insert(write);
}

Nodes::Content Nodes::Read(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  const auto found = content_.find(node);
  return found == content_.end() ? Content() : found->second;
}

void Nodes::Mirror(const std::string& node, const Content& content) {
  const std::lock_guard lock(mutex_);
  content_[node] = content;
}

void Nodes::Acknowledge(int64_t write) {
  const std::lock_guard lock(mutex_);
  acknowledged_.insert(write);
}

bool Nodes::Equal(const std::string& node, const std::string& other) const {
  return Read(node) == Read(other);
}

size_t Nodes::Lost(const std::string& node) const {
  const Content content = Read(node);
  const std::lock_guard lock(mutex_);
  size_t lost = 0;
  for (const int64_t write : acknowledged_) lost += content.count(write) == 0;
  return lost;
}

}  // namespace praefect::bench
