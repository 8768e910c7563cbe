#include "e2e/replicas.h"

#include <fcntl.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <future>

#include "config/address.h"
#include "datastore/rules.h"
#include "db/migrations.h"
#include "gitaly/repository.pb.h"

namespace praefect::test {
namespace {

using namespace std::chrono_literals;
using datastore::kNoStorage;

constexpr char kVirtualStorage[] = "default";
const std::vector<std::string> kStorages = {"gitaly-1", "gitaly-2", "gitaly-3"};

datastore::BookkeeperOptions ShortTimes() {
  datastore::BookkeeperOptions options;
  options.windows.beat = 100ms;
  options.windows.lost_linger = 600ms;
  options.linger = 100ms;
  options.name = "test";
  options.boot_id = "test";
  return options;
}

template <class T, class Begin>
T Wait(Begin begin) {
  std::promise<datastore::Result<T>> promise;
  auto answer = promise.get_future();
  begin([&](datastore::Result<T> result) { promise.set_value(std::move(result)); });
  auto result = answer.get();
  INFO((result.error ? result.error->message : ""));
  REQUIRE(result.ok());
  return std::move(result.value);
}

}  // namespace

Replicas::Replicas(const std::vector<std::string>& releases) {
  for (const std::string& storage : kStorages) {
    NodeSetup setup;
    setup.storage = storage;
    if (nodes_.size() < releases.size()) setup.release = releases[nodes_.size()];
    setup.token = "token of " + storage;
    std::filesystem::create_directories(directory_ / "tmp");
    nodes_.push_back(std::make_unique<StorageNode>(setup, directory_.path()));
    nodes_.back()->Start();
    health_.push_back(nodes::Health::kUp);
  }
  observe::LoggerOptions options;
  options.level = observe::Level::kDebug;
  auto logger = observe::OpenLogger(options, directory_ / "log");
  REQUIRE(logger.ok());
  logger_ = *std::move(logger);
  auto database = db::OpenSqlite({.path = directory_ / "praefect.db"}, *logger_);
  REQUIRE(database.ok());
  database_ = *std::move(database);
  REQUIRE_FALSE(db::Migrator(*database_).UpAll(db::After(20s)));
  store_ = std::make_unique<datastore::Store>(*database_,
                                              datastore::Storages{{kVirtualStorage, kStorages}});
  disks_ = std::make_unique<datastore::Disks>(*database_);
  unknown_ = std::make_unique<datastore::UnknownContents>(*database_, registry_);
  calls_ = std::make_unique<proxy::NodeCalls>(memory_, resolver_, 10s);
  client_ = std::make_unique<proxy::NodeClient>(*calls_);
  metrics_ = std::make_unique<replication::Metrics>(registry_, config::Prometheus());
  std::promise<void> ready;
  keeper_ = std::make_unique<datastore::Bookkeeper>(
      *store_, ShortTimes(),
      [this](const std::string&, const std::string& storage) {
        const std::lock_guard lock(mutex_);
        for (size_t i = 0; i < kStorages.size(); ++i) {
          if (kStorages[i] == storage && health_[i] == nodes::Health::kUp) {
            return datastore::NodeState::kHealthy;
          }
        }
        return datastore::NodeState::kUnhealthy;
      },
      datastore::BookkeeperEvents{.changed =
                                      [this](auto) {
                                        if (replicator_ != nullptr) replicator_->Wake();
                                      }},
      *logger_, registry_);
  REQUIRE(Eventually([&] { return keeper_->problem().empty(); }));
  const auto snapshot = [this] { return this->snapshot(); };
  replicator_ = std::make_unique<replication::Replicator>(
      replication::RunContext{*keeper_, *client_, maintenance_, snapshot, *logger_, *metrics_,
                              *unknown_},
      replication::Replicator::Settings{.most_retried = 2});
  clerk_ = std::make_unique<proxy::Clerk>(*keeper_, *unknown_, *client_, snapshot,
                                          proxy::ClerkOptions{.max_namespace = 2});
  auto methods = gitaly::MethodRegistry::Build();
  REQUIRE(methods.ok());
  methods_ = *std::move(methods);
  caretaker_ = std::make_unique<proxy::Caretaker>(
      proxy::Caretaker::Context{*store_, *calls_, snapshot, maintenance_, *logger_, registry_, 2});
  upkeep_ = std::make_unique<replication::Upkeep>(
      replication::DiskWatch::Context{*keeper_, *disks_, *client_,
                                      [this](std::vector<nodes::ExpectedDisk> disks) {
                                        const std::lock_guard lock(mutex_);
                                        expected_disks_ = std::move(disks);
                                      },
                                      *logger_, *metrics_},
      *unknown_);
  Publish();
}

Replicas::~Replicas() {
  calls_->Stop();
  clerk_->Stop();
  replicator_->Stop();
  caretaker_.reset();
  upkeep_->Stop();
  keeper_.reset();
  for (auto& node : nodes_) CHECK(node->Stop().value_or(0) == 0);
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "tmp")) {
    left.insert(entry.path());
  }
  CHECK(left.empty());
}

void Replicas::TidyOthers(int64_t id) {
  const datastore::Repository repository = Get(id);
  ::gitaly::OptimizeRepositoryRequest request;
  request.mutable_repository()->set_storage_name(repository.name.virtual_storage);
  request.mutable_repository()->set_relative_path(repository.name.relative_path);
  caretaker_->TidyOthers({.repository_id = id,
                          .method = methods_->Find("/gitaly.RepositoryService/OptimizeRepository"),
                          .message = request.SerializeAsString(),
                          .storage = kStorages[0]});
}

double Replicas::Metric(const std::string& name, const std::string& label_value) const {
  double sum = 0;
  for (const prometheus::MetricFamily& family : registry_.Collect()) {
    if (family.name != name) continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      const bool wanted =
          label_value.empty() ||
          std::any_of(metric.label.begin(), metric.label.end(),
                      [&](const auto& label) { return label.value == label_value; });
      if (wanted) sum += metric.counter.value + metric.gauge.value;
    }
  }
  return sum;
}

std::shared_ptr<const nodes::Snapshot> Replicas::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void Replicas::Designate(size_t index) {
  {
    const std::lock_guard lock(mutex_);
    designated_ = kStorages.at(index);
  }
  Wait<datastore::Declarations>([&](auto done) {
    store_->Declare(keeper_->instance(), {{kVirtualStorage, kStorages.at(index)}}, db::After(20s),
                    done);
  });
  Publish();
}

void Replicas::SetHealth(size_t index, nodes::Health health) {
  {
    const std::lock_guard lock(mutex_);
    health_[index] = health;
  }
  Publish();
}

void Replicas::Publish() {
  auto snapshot = std::make_shared<nodes::Snapshot>();
  auto& virtual_storage = snapshot->virtual_storages.emplace_back();
  virtual_storage.name = kVirtualStorage;
  const std::lock_guard lock(mutex_);
  virtual_storage.designated = designated_;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    nodes::Node node;
    node.id = static_cast<uint32_t>(i);
    node.virtual_storage = kVirtualStorage;
    node.storage = kStorages[i];
    node.address_text = nodes_[i]->address();
    const auto address = config::ParseNodeAddress(node.address_text);
    REQUIRE(address.ok());
    node.address = *address;
    node.token = "token of " + kStorages[i];
    node.health = health_[i];
    node.server_version = nodes_[i]->version();
    node.disk.filesystem_id = nodes_[i]->filesystem_id();
    virtual_storage.nodes.push_back(std::move(node));
  }
  snapshot_ = snapshot;
  calls_->Publish(snapshot);
  replicator_->Publish(snapshot);
  upkeep_->Publish(snapshot);
}

int64_t Replicas::Make(const std::string& path) {
  std::promise<datastore::Opened> promise;
  keeper_->Create({.name = {kVirtualStorage, path}, .replica_path = path, .primary = kStorages[0]},
                  db::After(20s), [&](datastore::Opened opened, std::string) {
                    promise.set_value(std::move(opened));
                  });
  const datastore::Opened opened = promise.get_future().get();
  INFO(opened.why);
  REQUIRE(opened.result == datastore::Opened::kRecorded);
  const Outcome made =
      Git({"init", "--bare", "--quiet", "--initial-branch=main", node(0).Folder(path).string()});
  REQUIRE(made.exit_status == 0);
  REQUIRE(Settle(opened.write) == datastore::Told::kAcknowledged);
  return opened.write.repository_id;
}

datastore::Write Replicas::Open(int64_t id) {
  const datastore::Repository repository = Get(id);
  std::promise<datastore::Opened> promise;
  keeper_->Open({.repository_id = id,
                 .name = repository.name,
                 .storage = kStorages[0],
                 .term = repository.books.term},
                db::After(20s),
                [&](datastore::Opened opened) { promise.set_value(std::move(opened)); });
  const datastore::Opened opened = promise.get_future().get();
  INFO(opened.why);
  REQUIRE(opened.result == datastore::Opened::kRecorded);
  return opened.write;
}

void Replicas::Write(int64_t id, const std::string& branch) {
  const datastore::Write write = Open(id);
  const std::string folder = "--git-dir=" + node(0).Folder(Get(id).replica_path).string();
  constexpr char kEmptyTree[] = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
  Outcome made = Git({folder, "hash-object", "-t", "tree", "-w", "/dev/null"});
  made = Git({folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", branch,
              kEmptyTree});
  REQUIRE(made.exit_status == 0);
  made.output.erase(made.output.find_last_not_of('\n') + 1);
  REQUIRE(Git({folder, "update-ref", "refs/heads/" + branch, made.output}).exit_status == 0);
  REQUIRE(Settle(write) == datastore::Told::kAcknowledged);
}

void Replicas::Change(int64_t id, datastore::Rule rule) {
  CHECK(Wait<datastore::Changed>([&](auto done) {
          keeper_->Change(id, std::move(rule), db::After(20s), done);
        }) == datastore::Changed::kDone);
}

void Replicas::Withdraw(int64_t id, size_t index) {
  Change(id, datastore::WithdrawClaimOf(kStorages[index]));
}

void Replicas::Copied(int64_t id, size_t index) {
  const int64_t run = keeper_->BeginRun();
  Change(id, datastore::StartCopyOnto(kStorages[index], {kStorages[0]}, true, run,
                                      keeper_->instance()));
  Change(id, datastore::CompleteRun(kStorages[index], run, true));
  keeper_->EndRun(run);
}

void Replicas::Promote(int64_t id, size_t index) {
  Change(id, datastore::PromoteTo(kStorages[index], false));
}

void Replicas::Remove(int64_t id) { Change(id, datastore::RemoveRepository()); }

datastore::Repository Replicas::Get(int64_t id) {
  auto found = Wait<std::optional<datastore::Repository>>(
      [&](auto done) { store_->Find(id, db::After(20s), done); });
  REQUIRE(found.has_value());
  return *std::move(found);
}

datastore::Told Replicas::Settle(const datastore::Write& write) {
  std::promise<datastore::Told> told;
  keeper_->Settle(write, [&](datastore::Told answer) { told.set_value(answer); });
  return told.get_future().get();
}

std::optional<datastore::Repository> Replicas::FindName(const std::string& path) {
  return Wait<std::optional<datastore::Repository>>([&](auto done) {
    store_->Find(datastore::RepositoryName{kVirtualStorage, path}, db::After(20s), done);
  });
}

bool Replicas::Exists(int64_t id) {
  return Wait<std::optional<datastore::Repository>>(
             [&](auto done) { store_->Find(id, db::After(20s), done); })
      .has_value();
}

const datastore::Job& Replicas::JobOn(int64_t id, size_t index) {
  last_ = Get(id);
  const int position = last_.Position(kStorages[index]);
  REQUIRE(position != kNoStorage);
  return last_.books.replicas[position].job;
}

bool Replicas::IsWhole(int64_t id) {
  const datastore::Repository repository = Get(id);
  const auto& books = repository.books;
  if (!books.intents.empty() || repository.storages.size() != kStorages.size()) return false;
  for (int each = 0; each < static_cast<int>(books.replicas.size()); ++each) {
    const auto& replica = books.replicas[each];
    if (!datastore::IsCurrent(books, each) || !replica.verified ||
        replica.job.state != datastore::JobState::kNone) {
      return false;
    }
  }
  return true;
}

bool Replicas::WaitUntilWhole(int64_t id) {
  return Eventually([&] { return IsWhole(id); });
}

bool Replicas::HaveEqualRefs(const std::string& path) {
  const auto refs = node(0).Refs(path);
  return node(1).Refs(path) == refs && node(2).Refs(path) == refs;
}

}  // namespace praefect::test
