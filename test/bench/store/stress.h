#pragma once

// Writers, copiers, a promoter, owners and workers that die while their calls go on, on one
// repository in a real PostgreSQL; in rounds, after each of which everything comes to rest and the
// invariants are checked.

#include <atomic>
#include <memory>
#include <random>
#include <string>

#include "broken_database.h"
#include "datastore/changes.h"
#include "mistakes.h"
#include "nodes.h"
#include "observe/log.h"
#include "support/postgres_server.h"

namespace praefect::bench {

struct StressOptions {
  std::chrono::seconds time{10};
  uint32_t seed = 0;
  const Mistake* mistake = nullptr;
};

struct Counts {
  std::atomic<int> acknowledged{0}, refused{0}, uncertain{0}, opened_anew{0}, dead_owners{0},
      copies{0}, void_copies{0}, dead_workers{0}, promotions{0}, errors{0};
};

class Stress {
 public:
  explicit Stress(StressOptions options);

  // Empty, or the invariant that broke.
  std::string Run();
  std::string Summary() const;

 private:
  // One process: it counts its batches, intents and runs.
  struct Process {
    int64_t instance = 0;
    int64_t number = 0;
    int64_t batch = 0;
    std::mt19937 random;
  };

  Process NewProcess();
  void MakeRepository();
  std::string Round(bool planned);
  std::string Check(bool planned);
  bool AtRest();

  void Write(bool planned);
  void WriteOnce(Process& process, bool planned);
  void Copy(const std::string& target);
  void CopyOnce(Process& process, const std::string& target);
  void Promote(bool planned);

  bool Open(Process& process, int64_t intent, const std::string& primary, int64_t term);
  bool Settle(Process& process, int64_t intent, const std::string& node, int64_t term,
              bool node_ok);
  bool Change(datastore::Store& store, datastore::Rule rule);
  datastore::Repository Find();

  const StressOptions options_;
  Counts counts_;
  Nodes nodes_;
  test::PostgresServer server_;
  std::unique_ptr<observe::Logger> log_;
  std::unique_ptr<db::Database> database_;
  BrokenDatabase for_writes_, for_starts_, for_completions_;
  datastore::Store writes_, starts_, completions_, store_;
  int64_t id_ = 0;
  std::atomic<bool> stop_writing_{false}, stop_copying_{false};
  std::atomic<uint32_t> processes_{0};
};

}  // namespace praefect::bench
