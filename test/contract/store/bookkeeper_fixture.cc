#include "bookkeeper_fixture.h"

#include <thread>

namespace praefect::datastore {

using std::chrono::milliseconds;

WindowSettings ShortWindows() {
  return {.send = milliseconds(20'000),
          .beat = milliseconds(10),
          .beats_until_burial = 10'000,
          .feed = milliseconds(60'000),
          .lost_linger = milliseconds(60'001)};
}

Praefect::Praefect(Store& store, observe::Logger& logger, BookkeeperOptions options) {
  options.name = "praefect-2";
  options.clock = [this] { return NowSinceBoot() + BootTime(frozen.load()); };
  const AskNode ask = [this](const std::string&, const std::string& storage) {
    ++looks_;
    const std::lock_guard lock(mutex_);
    const auto said = nodes_.find(storage);
    return said == nodes_.end() ? NodeState::kHealthy : said->second;
  };
  const BookkeeperEvents events{.disowned = [this](int64_t instance) {
    const std::lock_guard lock(mutex_);
    disowned_.insert(instance);
  }};
  keeper = std::make_unique<Bookkeeper>(store, std::move(options), ask, events, logger, registry);
}

bool Praefect::BecomesReady() {
  return Becomes([&] { return keeper->problem().empty(); });
}

Opened Praefect::Open(const Call& call, const RepositoryName& name, milliseconds patience) {
  std::promise<Opened> promise;
  keeper->Open({.repository_id = call.id, .name = name, .storage = call.storage, .term = call.term},
               db::After(patience), [&](Opened opened) { promise.set_value(std::move(opened)); });
  return promise.get_future().get();
}

Write Praefect::OpenNow(StoreFixture& books, int64_t id) {
  Opened opened = Open(books.Route(id), books.Get(id).name);
  INFO(opened.why);
  REQUIRE(opened.result == Opened::kRecorded);
  return opened.write;
}

std::pair<Opened, std::string> Praefect::Create(const std::string& path,
                                                const std::string& primary) {
  std::promise<std::pair<Opened, std::string>> promise;
  keeper->Create({.name = {"default", path}, .replica_path = path, .primary = primary}, db::Soon(),
                 [&](Opened opened, std::string replica_path) {
                   promise.set_value({std::move(opened), std::move(replica_path)});
                 });
  return promise.get_future().get();
}

Told Praefect::Settle(const Write& write) {
  std::promise<Told> promise;
  keeper->Settle(write, [&](Told told) { promise.set_value(told); });
  return promise.get_future().get();
}

void Praefect::Say(const std::string& storage, NodeState state) {
  const std::lock_guard lock(mutex_);
  nodes_[storage] = state;
}

bool Praefect::Looks(int times) {
  const int wanted = looks_ + times;
  return Becomes([&] { return looks_ >= wanted; });
}

bool Praefect::Disowned(int64_t instance) {
  const std::lock_guard lock(mutex_);
  return disowned_.contains(instance);
}

double Praefect::Metric(const std::string& name, const std::string& label) {
  double sum = 0;
  for (const prometheus::MetricFamily& family : registry.Collect()) {
    if (family.name != name) continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      const bool named = std::any_of(metric.label.begin(), metric.label.end(),
                                     [&](const auto& each) { return each.value == label; });
      if (label.empty() || named) {
        sum += metric.counter.value + metric.gauge.value +
               static_cast<double>(metric.histogram.sample_count);
      }
    }
  }
  return sum;
}

KeeperFixture::KeeperFixture(db::Kind kind, BookkeeperOptions options)
    : StoreFixture(kind), unreliable(*database), its_store(unreliable, *store->storages()) {
  praefect.emplace(its_store, log, std::move(options));
  REQUIRE(praefect->BecomesReady());
}

}  // namespace praefect::datastore
