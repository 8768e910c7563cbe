#pragma once

// A manager at work on the nodes of one virtual storage, what it publishes and what it logs.

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "nodes/manager.h"

namespace praefect::nodes {

// Remembers messages with the value of one field.
class Lines final : public observe::Logger {
 public:
  bool Enabled(observe::Level) const override { return true; }
  void Write(observe::Level, std::string_view message,
             std::span<const observe::Field> fields) override {
    std::string line(message);
    for (const observe::Field& field : fields) {
      if (const auto* text = std::get_if<std::string_view>(&field.value)) {
        line += " " + std::string(field.key) + "=" + std::string(*text);
      }
    }
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
  }
  std::vector<std::string> With(const std::string& text) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const std::string& line : lines_) {
      if (line.find(text) != std::string::npos) found.push_back(line);
    }
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// A manager of one virtual storage, and what it publishes.
class Probing {
 public:
  struct NodeAt {
    std::string address, token;
  };

  static constexpr int64_t kNow = 1'600'000'000;  // for tokens

  explicit Probing(
      const std::vector<NodeAt>& nodes, std::function<int64_t()> wall_clock = [] { return kNow; }) {
    manager_ = std::make_unique<Manager>(
        ConfigOf(nodes), lines_, registry_,
        ManagerOptions{std::chrono::milliseconds(20), std::chrono::milliseconds(500),
                       std::move(wall_clock)});
    manager_->Subscribe([this](std::shared_ptr<const Snapshot> snapshot) {
      const std::lock_guard lock(mutex_);
      latest_ = std::move(snapshot);
      changed_.notify_all();
    });
  }

  Manager& manager() { return *manager_; }
  // And waits until the new nodes are there; fails the test after ten seconds.
  void Reload(const std::vector<NodeAt>& nodes) {
    std::unique_lock lock(mutex_);
    const auto before = latest_;
    manager_->Reload(ConfigOf(nodes));
    const auto is_so = [&] {
      const std::vector<Node>& now = latest_->virtual_storages[0].nodes;
      return latest_ != before && std::equal(now.begin(), now.end(), nodes.begin(), nodes.end(),
                                             [](const Node& is, const NodeAt& meant) {
                                               return is.address_text == meant.address &&
                                                      is.token == meant.token;
                                             });
    };
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(10), is_so));
  }
  const Lines& lines() const { return lines_; }
  std::string Metrics() const {
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }
  // Until the first counter whose name ends so has at least this value; fails the test after ten
  // seconds.
  void WaitForCounter(const std::string& name, double value) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (Counter(name) < value && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    REQUIRE(Counter(name) >= value);
  }
  // The first node, once it has this health; fails the test after ten seconds.
  Node WaitFor(Health health, const std::string& reason = "") {
    std::unique_lock lock(mutex_);
    const auto is_so = [&] {
      const Node& node = latest_->virtual_storages[0].nodes[0];
      return node.health == health && node.reason.find(reason) != std::string::npos;
    };
    const bool came = changed_.wait_for(lock, std::chrono::seconds(10), is_so);
    REQUIRE(came);
    return latest_->virtual_storages[0].nodes[0];
  }

 private:
  static config::Config ConfigOf(const std::vector<NodeAt>& nodes) {
    config::Config config;
    config::VirtualStorage& storage = config.virtual_storages.emplace_back();
    storage.name = "default";
    for (const NodeAt& node : nodes) {
      const std::string name = "gitaly-" + std::to_string(storage.nodes.size() + 1);
      storage.nodes.push_back({name, node.address, node.token, false});
    }
    return config;
  }
  double Counter(const std::string& name) const {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name.ends_with(name)) return family.metric.at(0).counter.value;
    }
    return 0;
  }

  Lines lines_;
  prometheus::Registry registry_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const Snapshot> latest_;
  std::unique_ptr<Manager> manager_;
};

}  // namespace praefect::nodes
