#pragma once

// A bookkeeper over the books in a database of each kind, with short times, and the verbs of those
// who use it.

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "datastore/bookkeeper.h"
#include "db/listener.h"
#include "store_fixture.h"

namespace praefect::datastore {

// Short, in their order; far enough from one another for a loaded machine to tell them apart where
// a test does not make time pass itself.
WindowSettings ShortWindows();

// One Praefect. Its clock is that of the machine, moved on by `Freeze`.
class Praefect {
 public:
  Praefect(Store& store, observe::Logger& logger, BookkeeperOptions options);

  bool BecomesReady();
  Opened Open(const Call& call, const RepositoryName& name,
              std::chrono::milliseconds patience = std::chrono::seconds(20));
  // As routed by the books say now.
  Write OpenNow(StoreFixture& books, int64_t id);
  std::pair<Opened, std::string> Create(const std::string& path, const std::string& primary);
  Told Settle(const Write& write);

  // The process does nothing for so long, as far as it can tell by its clock.
  void Freeze(std::chrono::milliseconds time) { frozen += BootTime(time).count(); }
  void Say(const std::string& storage, NodeState state);
  bool Disowned(int64_t instance);

  double Metric(const std::string& name, const std::string& label = "");

  observe::Registry registry;
  std::atomic<BootTime::rep> frozen{0};
  std::unique_ptr<Bookkeeper> keeper;

 private:
  std::mutex mutex_;
  std::map<std::string, NodeState> nodes_;
  std::set<int64_t> disowned_;
};

// The books, and one Praefect more than the fixture's own instance, which never beats.
class KeeperFixture : public StoreFixture {
 public:
  explicit KeeperFixture(db::Kind kind, BookkeeperOptions options = {})
      : StoreFixture(kind), praefect(*store, log, std::move(options)) {
    REQUIRE(praefect.BecomesReady());
  }

  datastore::Write Open(int64_t id) { return praefect.OpenNow(*this, id); }
  Told Settle(const datastore::Write& write) { return praefect.Settle(write); }
  void Finish(const datastore::Write& write, End end) { praefect.keeper->Finish(write, end); }
  size_t Intents(int64_t id) { return Get(id).books.intents.size(); }

  Praefect praefect;
};

inline bool Becomes(const std::function<bool()>& condition) {
  const auto deadline = db::After(std::chrono::seconds(60));
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace praefect::datastore
