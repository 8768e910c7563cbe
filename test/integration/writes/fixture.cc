#include "fixture.h"

#include <ostream>
#include <thread>

namespace praefect::test {

using datastore::Intent;
using std::chrono::milliseconds;

namespace {

void AnswerOk(RawStream& stream) {
  stream.ReadToHalfClose();
  stream.Answer("done");
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Shown& shown) {
  return out << "generation " << shown.generation << ", acknowledged " << shown.acknowledged
             << ", open " << shown.open << ", lingering " << shown.lingering;
}

bool Becomes(const std::function<bool()>& condition) {
  const auto deadline = db::After(std::chrono::seconds(60));
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

Writes::Writes(const WritesOptions& options)
    : StoreFixture(db::Kind::kSqlite), options_(options), scripts_{AnswerOk, AnswerOk} {
  switched.emplace(*database);
  store_.emplace(*switched, *store->storages());
  for (size_t i = 0; i < scripts_.size(); i++) {
    const auto run = [this, i](RawStream& stream) {
      RawNode::Script script;
      {
        const std::lock_guard lock(mutex_);
        script = scripts_[i];
      }
      script(stream);
    };
    nodes_.push_back(std::make_unique<RawNode>("tcp://127.0.0.1:0", run));
    TellDisk(static_cast<int>(i), options_.node_disk);
  }
  StartServer();
}

Writes::~Writes() {
  StopServer();
  for (const auto& node : nodes_) {
    for (const std::string& failure : node->failures()) WARN(failure);
  }
}

void Writes::StartServer() {
  auto config = std::make_shared<config::Config>();
  config->listen_addr = "127.0.0.1:0";
  config->workers = 1;
  const std::string a = nodes_[0]->address(), b = nodes_[1]->address();
  config->virtual_storages = {
      {"default", 0, {{"a", a, "", true}, {"b", b, "", false}, {"c", b, "", false}}}};

  datastore::BookkeeperOptions books;
  books.windows = {.send = milliseconds(20'000),
                   .beat = options_.beat,
                   .beats_until_burial = 2'001,
                   .feed = milliseconds(60'000),
                   .lost_linger = milliseconds(600'000)};
  books.linger = milliseconds(10);
  books.settle_timeout = options_.settle_timeout;
  books.routes.cache.proof = milliseconds(30'000);
  books.name = "praefect";
  books.clock = [this] { return datastore::NowSinceBoot() + datastore::BootTime(frozen_.load()); };
  keeper = std::make_unique<datastore::Bookkeeper>(
      *store_, books,
      [](const std::string&, const std::string&) { return datastore::NodeState::kHealthy; },
      datastore::BookkeeperEvents{
          .changed = [](std::span<const int64_t>) {},
          .disowned = [this](int64_t instance) { server_->EndInstance(instance); }},
      log, registry_);
  REQUIRE(Becomes([&] { return keeper->problem().empty(); }));

  methods_ = *gitaly::MethodRegistry::Build();
  manager_.emplace(*config, log, registry_);
  auto server =
      proxy::Server::Listen({config, *methods_, *manager_, local_, log, registry_, inherited_});
  REQUIRE(server.ok());
  server_ = *std::move(server);
  address_ = "tcp://127.0.0.1:" + std::to_string(server_->addresses().at(0).port);
  if (!options_.node_disk.empty()) {  // as the books would say it
    std::vector<nodes::ExpectedDisk> disks;
    for (const char* storage : {"a", "b", "c"}) {
      disks.push_back({"default", storage, storage + options_.node_disk});
    }
    manager_->ExpectDisks(std::move(disks));
  }
  manager_->Start();
  calls_.emplace(memory_, resolver_, milliseconds(10'000));
  client_.emplace(*calls_);
  unknown_.emplace(*database, registry_);
  clerk_.emplace(
      *keeper, *unknown_, *client_, [this] { return manager_->snapshot(); }, proxy::ClerkOptions());
  promoter_.emplace(
      *keeper, [this] { return manager_->snapshot(); }, log, registry_);
  calls_->Publish(manager_->snapshot());
  caretaker_.emplace(proxy::Caretaker::Context{
      *store_, *calls_, [this] { return manager_->snapshot(); }, marks_, log, registry_});
  server_->Start({&*keeper, &*clerk_, &*promoter_, &*caretaker_});
  REQUIRE(Becomes([&] {
    for (const nodes::Node& node : manager_->snapshot()->virtual_storages[0].nodes) {
      if (node.server_version != options_.node_version || !node.writable()) return false;
    }
    return true;
  }));
}

void Writes::EndCalls() {
  server_->Drain();
  server_->EndCalls();
}

void Writes::StopServer() {
  if (server_ != nullptr) server_->Stop();
  if (manager_.has_value()) manager_->Stop();
  server_.reset();
  if (calls_.has_value()) calls_->Stop();
  caretaker_.reset();
  clerk_.reset();
  if (promoter_.has_value()) promoter_->Stop();
  keeper.reset();
}

void Writes::Script(int node, RawNode::Script script) {
  const std::lock_guard lock(mutex_);
  scripts_[static_cast<size_t>(node)] = std::move(script);
}

void Writes::TellDisk(int node, const std::string& filesystem_id) {
  std::string info = BytesField(1, options_.node_version);
  for (const char* storage : {"a", "b", "c"}) {
    const std::string id = filesystem_id.empty() ? "" : storage + filesystem_id;
    info += BytesField(3, BytesField(1, storage) + BytesField(5, id));
  }
  nodes_[static_cast<size_t>(node)]->TellServerInfo(std::move(info));
}

bool Writes::IsKnownToBeOn(const std::string& filesystem_id) {
  return Becomes([&] {
    const nodes::Disk disk = manager_->snapshot()->virtual_storages[0].Find("a")->disk;
    return disk.filesystem_id == "a" + filesystem_id && disk.doubt == nodes::DiskDoubt::kNone;
  });
}

RawAnswer Writes::Call(const std::string& method, const std::string& path) {
  RawClient client(address_);
  const uint32_t stream = client.Open(method);
  client.connection().SendMessage(stream, BytesField(1, Repository("default", path)), true);
  return client.Answer(stream);
}

Writes::Client& Writes::Begin(const std::string& method, const std::string& path) {
  Client& client = clients_.emplace_back(address_);
  client.stream = client.raw.Open(method);
  client.raw.connection().SendMessage(client.stream, BytesField(1, Repository("default", path)));
  return client;
}

Shown Writes::Books(int64_t id) {
  const datastore::Books books = Get(id).books;
  Shown shown{books.generation - 1, books.acknowledged - 1};
  for (const Intent& intent : books.intents) (intent.lingering ? shown.lingering : shown.open)++;
  return shown;
}

bool Writes::BecomesShown(int64_t id, const Shown& shown) {
  if (Becomes([&] { return Books(id) == shown; })) return true;
  CHECK(Books(id) == shown);
  return false;
}

}  // namespace praefect::test
