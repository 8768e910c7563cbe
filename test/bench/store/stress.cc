#include "stress.h"

#include <fmt/format.h>

#include <future>
#include <thread>

#include "db/migrations.h"
#include "db/postgres.h"
#include "measured_store.h"

namespace praefect::bench {
namespace {

using datastore::Repository;
using std::chrono::milliseconds;

constexpr int kWriters = 6;
constexpr std::chrono::seconds kRound{2};
constexpr std::chrono::seconds kRest{15};  // for copies to bring everything up, on a busy machine
const datastore::RepositoryName kName = {"default", "p.git"};

db::Deadline Soon() { return db::After(std::chrono::seconds(30)); }

std::unique_ptr<db::Database> OpenDatabase(test::PostgresServer& server, observe::Logger& log) {
  db::PostgresOptions options;
  options.endpoint = server.Endpoint(server.CreateDatabase());
  options.max_connections = 16;
  auto database = db::OpenPostgres(options, log);
  if (auto error = db::Migrator(*database).UpAll(Soon())) throw std::runtime_error(error->message);
  return database;
}

template <class T>
datastore::Result<T> Await(const std::function<void(datastore::Callback<T>)>& start) {
  std::promise<datastore::Result<T>> promise;
  start([&](datastore::Result<T> result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}

// Up to `most`, at random.
template <class Random>
void Nap(Random& random, milliseconds most) {
  std::this_thread::sleep_for(std::chrono::microseconds(random() % (most.count() * 1'000)));
}

template <class Random>
bool OneIn(Random& random, int n) {
  return random() % n == 0;
}

const datastore::Storages& AllStorages() {
  static const datastore::Storages storages = {{"default", Nodes::Names()}};
  return storages;
}

std::vector<Replacement> Of(const Mistake* mistake, std::vector<Replacement> Mistake::*part) {
  return mistake == nullptr ? std::vector<Replacement>() : mistake->*part;
}

// Where a lock is missing, others get their turn.
milliseconds Pause(const Mistake* mistake, std::vector<Replacement> Mistake::*part) {
  return milliseconds(Of(mistake, part).empty() ? 0 : 10);
}

}  // namespace

Stress::Stress(StressOptions options)
    : options_(options),
      log_(std::make_unique<Silence>()),
      database_(OpenDatabase(server_, *log_)),
      for_writes_(*database_, Of(options.mistake, &Mistake::writes)),
      for_starts_(*database_, Of(options.mistake, &Mistake::starts),
                  Pause(options.mistake, &Mistake::starts)),
      for_completions_(*database_, Of(options.mistake, &Mistake::completions),
                       Pause(options.mistake, &Mistake::completions)),
      writes_(for_writes_, AllStorages()),
      starts_(for_starts_, AllStorages()),
      completions_(for_completions_, AllStorages()),
      store_(*database_, AllStorages()) {
  MakeRepository();
}

Stress::Process Stress::NewProcess() {
  Process process;
  process.instance = Await<int64_t>([&](auto done) {
                       store_.Register("stress", "boot", 0, Soon(), std::move(done));
                     }).value;
  process.random.seed(options_.seed + ++processes_);
  return process;
}

void Stress::MakeRepository() {
  Process process = NewProcess();
  const int64_t intent = datastore::MakeId(process.instance, 1);
  const datastore::Creation creation{.name = kName,
                                     .replica_path = kName.relative_path,
                                     .primary = "a",
                                     .intent = intent,
                                     .instance = process.instance};
  id_ = Await<datastore::Created>([&](auto done) {
          store_.Create(creation, Soon(), std::move(done));
        }).value.id;
  Change(store_, datastore::EndCreation(intent, true, false));
}

std::string Stress::Run() {
  const auto end = std::chrono::steady_clock::now() + options_.time;
  for (bool planned = false; std::chrono::steady_clock::now() < end; planned = !planned) {
    const std::string broken = Round(planned);
    if (!broken.empty()) return broken;
  }
  if (!for_writes_.fits() || !for_starts_.fits() || !for_completions_.fits()) {
    throw std::runtime_error("the mistake does not fit the product's SQL any more");
  }
  return "";
}

std::string Stress::Round(bool planned) {
  stop_writing_ = stop_copying_ = false;
  counts_.refused = 0;
  std::vector<std::thread> writing, copying;
  for (int i = 0; i < kWriters; ++i) writing.emplace_back([=, this] { Write(planned); });
  writing.emplace_back([=, this] { Promote(planned); });
  for (int i = 0; i < 2; ++i) {
    for (const std::string& node : Nodes::Names()) copying.emplace_back([=, this] { Copy(node); });
  }
  std::this_thread::sleep_for(kRound);
  stop_writing_ = true;
  for (std::thread& thread : writing) thread.join();
  const auto end = std::chrono::steady_clock::now() + kRest;
  while (!AtRest() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  stop_copying_ = true;
  for (std::thread& thread : copying) thread.join();
  return Check(planned);
}

bool Stress::AtRest() {
  const Repository repository = Find();
  bool rest = repository.books.intents.empty();
  for (const datastore::Replica& replica : repository.books.replicas) {
    rest = rest && replica.job.state == datastore::JobState::kNone &&
           replica.generation == repository.books.generation;
  }
  return rest;
}

std::string Stress::Check(bool planned) {
  const Repository repository = Find();
  const size_t lost = nodes_.Lost(repository.Name(repository.books.primary));
  if (lost > 0) return fmt::format("the primary lacks {} acknowledged writes (I1)", lost);
  if (!nodes_.Equal("a", "b") || !nodes_.Equal("b", "c")) {
    return "nothing in flight, contents differ (I2)";
  }
  if (!AtRest()) return "a replica stays behind, or an intent or a job is left (I4)";
  if (counts_.errors > 0) return "a statement failed";
  if (planned && counts_.refused > 0) return "a planned move refused a write";
  return "";
}

std::string Stress::Summary() const {
  return fmt::format(
      "{} acknowledged, {} refused in the last round, {} uncertain, {} opened anew, {} owners "
      "died, "
      "{} copies, {} void, {} workers died, {} promotions, {} errors",
      counts_.acknowledged.load(), counts_.refused.load(), counts_.uncertain.load(),
      counts_.opened_anew.load(), counts_.dead_owners.load(), counts_.copies.load(),
      counts_.void_copies.load(), counts_.dead_workers.load(), counts_.promotions.load(),
      counts_.errors.load());
}

// --- Writers ---

void Stress::Write(bool planned) {
  Process process = NewProcess();
  while (!stop_writing_) {
    Nap(process.random, milliseconds(20));
    WriteOnce(process, planned);
  }
}

void Stress::WriteOnce(Process& process, bool planned) {
  auto& random = process.random;
  const Repository repository = Find();
  const std::string node = repository.Name(repository.books.primary);
  const int64_t term = repository.books.term;
  const int64_t write = datastore::MakeId(process.instance, ++process.number);
  if (OneIn(random, 3)) Nap(random, milliseconds(5));
  if (!Open(process, write, node, term)) {
    ++counts_.opened_anew;
    return;
  }
  if (OneIn(random, 3)) Nap(random, milliseconds(5));
  if (OneIn(random,
            30)) {  // its owner dies, its call may be applied until somebody else settles it
    ++counts_.dead_owners;
    Nap(random, milliseconds(50));
    if (!OneIn(random, 3)) nodes_.Apply(node, write);
    Settle(process, write, node, term, false);
    return;
  }
  const bool applied = !OneIn(random, 10);
  if (applied) nodes_.Apply(node, write);
  const bool node_ok = applied && !OneIn(random, 10);
  if (Settle(process, write, node, term, node_ok)) {
    nodes_.Acknowledge(write);
    ++counts_.acknowledged;
  } else {
    ++(node_ok ? counts_.refused : counts_.uncertain);
  }
}

bool Stress::Open(Process& process, int64_t intent, const std::string& primary, int64_t term) {
  const datastore::OpenRequest request{
      .intent = intent, .repository_id = id_, .name = kName, .storage = primary, .term = term};
  const auto opened = Await<std::vector<bool>>(
      [&](auto done) { writes_.Open(process.instance, {request}, Soon(), std::move(done)); });
  counts_.errors += !opened.ok();
  return opened.ok() && opened.value[0];
}

bool Stress::Settle(Process& process, int64_t intent, const std::string& node, int64_t term,
                    bool node_ok) {
  const datastore::SettleRequest request{
      .intent = intent, .repository_id = id_, .storage = node, .term = term, .node_ok = node_ok};
  const auto settled = Await<std::vector<datastore::Settled>>([&](auto done) {
    writes_.Settle(process.instance, ++process.batch, {request}, Soon(), std::move(done));
  });
  counts_.errors += !settled.ok();
  return settled.ok() && settled.value[0] == datastore::Settled::kAcknowledged;
}

// --- Copiers and the promoter ---

void Stress::Copy(const std::string& target) {
  Process process = NewProcess();
  while (!stop_copying_) CopyOnce(process, target);
}

void Stress::CopyOnce(Process& process, const std::string& target) {
  auto& random = process.random;
  const int64_t run = datastore::MakeId(process.instance, ++process.number);
  std::vector<std::string> sources = Nodes::Names();
  std::shuffle(sources.begin(), sources.end(), random);
  std::string source;
  const auto start = datastore::StartCopyOnto(target, sources, true, run, process.instance);
  const bool started = Change(starts_, [&](Repository& repository) {
    if (!start(repository)) return false;
    const int position = repository.Position(target);
    source = repository.Name(repository.books.replicas[position].job.source);
    return true;
  });
  if (!started) return Nap(random, milliseconds(4));
  const Nodes::Content content = nodes_.Read(source);
  Nap(random, milliseconds(10));
  if (OneIn(random, 30)) {  // its worker dies, the copy goes on, the linger ends after that
    ++counts_.dead_workers;
    Change(store_, datastore::LoseRun(target, run));
    Nap(random, milliseconds(50));
    nodes_.Mirror(target, content);
    Change(store_, datastore::ReleaseRun(target, run));
    return;
  }
  nodes_.Mirror(target, content);
  Nap(random, milliseconds(2));
  const bool equal = nodes_.Equal(source, target);
  const bool done = Change(completions_, datastore::CompleteRun(target, run, equal));
  ++(done ? counts_.copies : counts_.void_copies);
}

void Stress::Promote(bool planned) {
  Process process = NewProcess();
  while (!stop_writing_) {
    Nap(process.random, milliseconds(8));
    const std::string& to = Nodes::Names()[process.random() % Nodes::Names().size()];
    counts_.promotions += Change(store_, datastore::PromoteTo(to, planned));
  }
}

bool Stress::Change(datastore::Store& store, datastore::Rule rule) {
  const auto changed = Await<datastore::Changed>(
      [&](auto done) { store.Change(id_, std::move(rule), Soon(), std::move(done)); });
  counts_.errors += !changed.ok();
  return changed.ok() && changed.value == datastore::Changed::kDone;
}

Repository Stress::Find() {
  auto found = Await<std::optional<Repository>>(
      [&](auto done) { store_.Find(id_, Soon(), std::move(done)); });
  if (!found.ok() || !found.value) throw std::runtime_error("the repository cannot be read");
  return *std::move(found.value);
}

}  // namespace praefect::bench
