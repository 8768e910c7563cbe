#include "daemon/bookkeeping.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <utility>

namespace praefect::daemon {
namespace {

using observe::MutexLock;

datastore::Storages StoragesOf(const config::Config& config) {
  datastore::Storages storages;
  for (const config::VirtualStorage& virtual_storage : config.virtual_storages) {
    auto& names = storages[virtual_storage.name];
    for (const config::Node& node : virtual_storage.nodes) names.push_back(node.storage);
  }
  return storages;
}

// Where it cannot be read, one that no other start has: what is left behind then lingers longer.
std::string BootId() {
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
  return id.empty() ? fmt::format("unknown {}", std::random_device()()) : id;
}

std::string ProcessName() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return fmt::format("{}:{}", host.data(), getpid());
}

datastore::BookkeeperOptions OptionsOf(const config::Replication& replication,
                                       const BooksDatabase& database) {
  datastore::BookkeeperOptions options;
  options.windows = {.send = replication.send_window,
                     .beat = replication.beat_interval,
                     .beats_until_burial = static_cast<int>(replication.beats_until_burial),
                     .feed = replication.feed_window,
                     .lost_linger = replication.lost_linger};
  options.linger = replication.linger;
  options.settle_timeout = replication.settle_timeout;
  options.routes.route_timeout = replication.route_timeout;
  options.name = ProcessName();
  options.boot_id = BootId();
  options.usable = [&database] { return database.state().was_usable; };
  return options;
}

}  // namespace

datastore::NodeState StateOf(const nodes::Snapshot& snapshot, const std::string& virtual_storage,
                             const std::string& storage) {
  const auto named = [](const auto& range, const auto& is) {
    return std::find_if(range.begin(), range.end(), is);
  };
  const auto found = named(snapshot.virtual_storages,
                           [&](const auto& each) { return each.name == virtual_storage; });
  if (found == snapshot.virtual_storages.end()) return datastore::NodeState::kNotConfigured;
  const auto node =
      named(found->nodes, [&](const nodes::Node& each) { return each.storage == storage; });
  if (node == found->nodes.end()) return datastore::NodeState::kNotConfigured;
  return node->health == nodes::Health::kUp ? datastore::NodeState::kHealthy
                                            : datastore::NodeState::kUnhealthy;
}

// In the order in which they start.
struct Bookkeeping::Parts {
  Parts(const Sources& sources, const config::Config& config)
      : store(*sources.database.database(), StoragesOf(config)),
        keeper(
            store, OptionsOf(config.replication, sources.database),
            [&nodes = sources.nodes](const std::string& virtual_storage,
                                     const std::string& storage) {
              return StateOf(*nodes.snapshot(), virtual_storage, storage);
            },
            {}, sources.logger, sources.registry) {
    if (store.engine() == db::Engine::kPostgres) Listen(sources, config);
  }

  void Listen(const Sources& sources, const config::Config& config) {
    db::ListenerOptions options;
    options.endpoint = config.database.session;
    options.channels = {datastore::kChangesChannel, datastore::kBeatsChannel};
    db::ListenerEvents events{
        .connected = [this] { keeper.ListenerConnected(); },
        .notified = [this](const auto& channel,
                           const auto& payload) { keeper.Heard(channel, payload); },
        .disconnected = [](const db::Error&) {}};
    listener = db::Listen(std::move(options), std::move(events), *sources.database.database(),
                          sources.logger);
  }

  datastore::Store store;
  datastore::Bookkeeper keeper;
  std::unique_ptr<db::Listener> listener;
};

void Bookkeeping::Start(const config::Config& config) {
  if (!config.replication.enabled) return;
  auto parts = std::make_shared<Parts>(sources_, config);
  const MutexLock lock(mutex_);
  parts_ = std::move(parts);
}

void Bookkeeping::Stop() {
  std::shared_ptr<Parts> stopped;
  const MutexLock lock(mutex_);
  stopped.swap(parts_);
}

datastore::Bookkeeper* Bookkeeping::bookkeeper() const {
  const MutexLock lock(mutex_);
  return parts_ == nullptr ? nullptr : &parts_->keeper;
}

std::string Bookkeeping::problem() const {
  const MutexLock lock(mutex_);
  return parts_ == nullptr ? "" : parts_->keeper.problem();
}

}  // namespace praefect::daemon
