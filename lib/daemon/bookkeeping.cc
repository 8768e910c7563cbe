#include "daemon/bookkeeping.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <thread>
#include <utility>

namespace praefect::daemon {
namespace {

using observe::MutexLock;

// How often the first writes are waited for.
constexpr std::chrono::milliseconds kGlance{5};

datastore::Storages StoragesOf(const nodes::Snapshot& snapshot) {
  datastore::Storages storages;
  for (const nodes::VirtualStorage& virtual_storage : snapshot.virtual_storages) {
    auto& names = storages[virtual_storage.name];
    for (const nodes::Node& node : virtual_storage.nodes) names.push_back(node.storage);
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
  const nodes::VirtualStorage* found = snapshot.Find(virtual_storage);
  const nodes::Node* node = found == nullptr ? nullptr : found->Find(storage);
  if (node == nullptr) return datastore::NodeState::kNotConfigured;
  return node->health == nodes::Health::kUp ? datastore::NodeState::kHealthy
                                            : datastore::NodeState::kUnhealthy;
}

// In the order in which they start.
struct Bookkeeping::Parts {
  Parts(const Sources& sources, const config::Config& config)
      : snapshot([&nodes = sources.nodes] { return nodes.snapshot(); }),
        calls(memory, resolver, config.keepalive_timeout),
        client(calls),
        metrics(sources.registry, config.prometheus),
        unknown(*sources.database.database(), sources.registry),
        replicator(
            {keeper, client, marks, snapshot, sources.logger, metrics, unknown},
            {.workers = static_cast<size_t>(config.replication.parallel_storage_processing_workers),
             .batch = static_cast<int>(config.replication.batch_size)}),
        promoter(keeper, snapshot, sources.logger, sources.registry),
        store(*sources.database.database(), StoragesOf(*snapshot())),
        keeper(
            store, OptionsOf(config.replication, sources.database),
            [this](const std::string& virtual_storage, const std::string& storage) {
              return StateOf(*snapshot(), virtual_storage, storage);
            },
            {.changed =
                 [this](std::span<const int64_t> ids) {
                   replicator.Wake();
                   promoter.Changed(ids);
                 },
             .disowned = sources.disowned},
            sources.logger, sources.registry),
        clerk(keeper, unknown, client, snapshot, {.create_wait = config.replication.create_wait}),
        caretaker({store, calls, snapshot, marks, sources.logger, sources.registry}),
        surveyor({*sources.database.database(), snapshot, sources.database_registry}),
        database(*sources.database.database()),
        disks(database),
        upkeep({keeper, disks, client,
                [&nodes = sources.nodes](std::vector<nodes::ExpectedDisk> expected) {
                  nodes.ExpectDisks(std::move(expected));
                },
                sources.logger, metrics},
               unknown),
        primaries({keeper, promoter, snapshot,
                   [&nodes = sources.nodes](datastore::Designations designated) {
                     nodes.Designate(std::move(designated));
                   },
                   sources.logger}) {
    if (store.engine() == db::Engine::kPostgres) Listen(sources, config);
  }
  // Whoever waits for a node or the database is let go first.
  ~Parts() {
    listener.reset();
    surveyor.Stop();
    primaries.Stop();
    promoter.Stop();
    calls.Stop();
    clerk.Stop();
    replicator.Stop();
    upkeep.Stop();
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

  const std::function<std::shared_ptr<const nodes::Snapshot>()> snapshot;
  http2::MemoryMeter memory;
  net::Resolver resolver;
  proxy::NodeCalls calls;
  const proxy::NodeClient client;
  proxy::UnderMaintenance marks;
  replication::Metrics metrics;
  datastore::UnknownContents unknown;
  // Idle until it hears of nodes, and there for as long as the bookkeeper may wake it.
  replication::Replicator replicator;
  proxy::Promoter promoter;  // likewise
  datastore::Store store;
  datastore::Bookkeeper keeper;
  proxy::Clerk clerk;
  proxy::Caretaker caretaker;
  service::Surveyor surveyor;
  db::Database& database;
  datastore::Disks disks;
  replication::Upkeep upkeep;
  replication::PrimarySweep primaries;
  std::unique_ptr<db::Listener> listener;
};

void Bookkeeping::Start(const config::Config& config) {
  auto parts = std::make_shared<Parts>(sources_, config);
  {
    const MutexLock lock(mutex_);
    parts_ = std::move(parts);
  }
  Publish(sources_.nodes.snapshot());
  AwaitFirstWrites();
}

void Bookkeeping::AwaitFirstWrites() const {
  const auto compared = [](const nodes::VirtualStorage& storage) {
    return std::none_of(storage.nodes.begin(), storage.nodes.end(), [](const nodes::Node& node) {
      return node.disk.doubt == nodes::DiskDoubt::kNotCompared;
    });
  };
  const auto deadline = std::chrono::steady_clock::now() + kFirstPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto snapshot = sources_.nodes.snapshot();
    const auto& storages = snapshot->virtual_storages;
    if (problem().empty() && std::all_of(storages.begin(), storages.end(), compared)) return;
    std::this_thread::sleep_for(kGlance);
  }
}

void Bookkeeping::Publish(std::shared_ptr<const nodes::Snapshot> snapshot) {
  const MutexLock lock(mutex_);
  if (parts_ == nullptr) return;
  datastore::Storages configured = StoragesOf(*snapshot);
  if (configured != *parts_->store.storages()) parts_->store.Configure(std::move(configured));
  parts_->calls.Publish(snapshot);
  parts_->replicator.Publish(snapshot);
  parts_->upkeep.Publish(std::move(snapshot));
  parts_->primaries.Wake();
}

void Bookkeeping::RetryAll() {
  const MutexLock lock(mutex_);
  if (parts_ != nullptr) parts_->replicator.RetryAll();
}

void Bookkeeping::Stop() {
  std::shared_ptr<Parts> stopped;
  const MutexLock lock(mutex_);
  stopped.swap(parts_);
}

proxy::Books Bookkeeping::books() const {
  const MutexLock lock(mutex_);
  return {&parts_->keeper, &parts_->clerk, &parts_->promoter, &parts_->caretaker};
}

service::BooksView Bookkeeping::view() const {
  const MutexLock lock(mutex_);
  return {parts_->keeper, parts_->client, parts_->surveyor, parts_->database};
}

std::string Bookkeeping::problem() const {
  const MutexLock lock(mutex_);
  return parts_ == nullptr ? "" : parts_->keeper.problem();
}

}  // namespace praefect::daemon
