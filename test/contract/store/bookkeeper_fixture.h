#pragma once

// A bookkeeper over the books in a database of each kind, with short times, and the verbs of those
// who use it.

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "datastore/bookkeeper.h"
#include "db/listener.h"
#include "store_fixture.h"
#include "unreliable_database.h"

namespace praefect::datastore {

// Beats come fast; nobody is buried or starts over unless a test makes time pass.
WindowSettings ShortWindows();

// One Praefect. Its clock is that of the machine, moved on by `Freeze`.
class Praefect {
 public:
  Praefect(Store& store, observe::Logger& logger, BookkeeperOptions options);

  bool BecomesReady();
  Opened Open(const Call& call, const RepositoryName& name,
              std::chrono::milliseconds patience = std::chrono::seconds(20));
  // As the books say now; fails the test when it is not recorded.
  Write OpenNow(StoreFixture& books, int64_t id);
  std::pair<Opened, std::string> Create(const std::string& path, const std::string& primary);
  Told Settle(const Write& write);

  // The process does nothing for so long, as far as it can tell by its clock.
  void Freeze(std::chrono::milliseconds time) { frozen += BootTime(time).count(); }
  void Say(const std::string& storage, NodeState state);
  // Lingers were looked at as often from now on.
  bool Looks(int times);
  bool Disowned(int64_t instance);

  double Metric(const std::string& name, const std::string& label = "");

  observe::Registry registry;
  std::atomic<BootTime::rep> frozen{0};

 private:
  std::atomic<int> looks_{0};
  std::mutex mutex_;
  std::map<std::string, NodeState> nodes_;
  std::set<int64_t> disowned_;

 public:
  std::unique_ptr<Bookkeeper> keeper;  // last: it asks and tells to the end
};

// The books, and one Praefect more than the fixture's own instance, which never beats.
class KeeperFixture : public StoreFixture {
 public:
  explicit KeeperFixture(db::Kind kind, BookkeeperOptions options = Options());
  static BookkeeperOptions Options() { return {.windows = ShortWindows(), .linger = kShort}; }

  datastore::Write Open(int64_t id) { return praefect->OpenNow(*this, id); }
  Told Settle(const datastore::Write& write) { return praefect->Settle(write); }
  void Finish(const datastore::Write& write, End end) { praefect->keeper->Finish(write, end); }
  size_t Intents(int64_t id) { return Get(id).books.intents.size(); }
  int64_t Generation(int64_t id) { return Get(id).books.generation; }

  static constexpr std::chrono::milliseconds kShort{50};

  db::UnreliableDatabase unreliable;
  Store its_store;
  std::optional<Praefect> praefect;
};

// PgBouncer keeps connections to every database that a test made: it is left to the store's tests.
inline db::Kind EitherEngine() { return GENERATE(db::Kind::kPostgres, db::Kind::kSqlite); }

inline bool Becomes(const std::function<bool()>& condition) {
  const auto deadline = db::After(std::chrono::seconds(60));
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace praefect::datastore
