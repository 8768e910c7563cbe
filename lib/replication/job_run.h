#pragma once

// One run of a job: what brings one replica up, or deletes it, from its start in the books to its
// proof. Blocks; called on threads of the replicator.

#include <functional>
#include <random>
#include <string>

#include "datastore/bookkeeper.h"
#include "datastore/unknown_contents.h"
#include "observe/log.h"
#include "proxy/node_client.h"
#include "proxy/under_maintenance.h"
#include "replication/metrics.h"
#include "replication/pool_link.h"
#include "replication/retry.h"

namespace praefect::replication {

struct Task {
  std::string virtual_storage;
  std::string storage;  // where it is to be done
  datastore::DueJob job;
};

// What is referred to outlives it.
struct RunContext {
  datastore::Bookkeeper& keeper;
  const proxy::NodeClient& nodes;
  const proxy::UnderMaintenance& maintenance;
  std::function<std::shared_ptr<const nodes::Snapshot>()> snapshot;
  observe::Logger& logger;
  Metrics& metrics;
  datastore::UnknownContents& unknown;
};

// How long the database may take for one step; a job whose step it did not take stays as it is, or
// lingers.
inline constexpr std::chrono::seconds kBooksTimeout{10};

class JobRun {
 public:
  JobRun(const RunContext& context, Task task);
  void Run();

 private:
  // Of a run that is over; a label of a metric.
  enum class Result { kCompleted, kUnproven, kFailed, kParked, kLost, kNotStarted };
  static std::string_view Label(Result result);
  enum class Outcome { kDone, kRefused, kUnknown };
  enum class Started { kYes, kRefused, kUnknown };
  struct Plan {  // of one copy that was started
    const PoolLink& link;
    int64_t held;   // what the source held before it began
    bool from_tar;  // nothing is proven of the target, and its node may begin with a tar
  };

  // Copies (job_copy.cc).
  Result Copy();
  Result Carry(const proxy::NodePtr& target, const proxy::NodePtr& source, const Plan& plan);
  Result ParkUnknown();
  void LookForShadowed(const proxy::NodePtr& target) const;
  Result Prove(const proxy::NodePtr& target, const proxy::NodePtr& source, int64_t held);
  Result Replace(const proxy::NodePtr& target, const datastore::Repository& repository);
  Result CopyFailed(const proxy::NodePtr& target, const proxy::NodePtr& source,
                    const proxy::NodeAnswer& answer);
  bool WithdrawIfLost(const proxy::NodePtr& node);
  // What nodes before 13.2 need beside ReplicateRepository. A result: the run has ended.
  proxy::NodeAnswer Update(const proxy::NodePtr& target, const nodes::Node& source,
                           proxy::Gate gate);
  std::optional<Result> CopyHead(const proxy::NodePtr& target, const proxy::NodePtr& source);
  std::optional<Result> CheckObjects(const proxy::NodePtr& target, const proxy::NodePtr& source);

  Result Delete();

  Started Start(const std::function<datastore::Rule(int64_t instance)>& rule);
  void ObserveDelay() const;
  bool StillMine();
  Result Complete(bool verified);
  Result EndRun(const datastore::Rule& rule, Result result);
  Result Lose();
  Result Again(std::string_view error);
  Result EndFailed(const proxy::NodeAnswer& answer);
  // Whether a run that fails now is parked; it is logged so.
  bool Parks(bool permanent, std::string_view error) const;
  datastore::Rule AfterFailure(std::string_view error, bool parks) const;
  Result PutOff(std::string_view error);
  Result PutOff(std::string_view error, std::chrono::milliseconds delay);
  Outcome Change(const datastore::Rule& rule) const;
  std::optional<datastore::Repository> Find() const;
  // Of the run before this one; empty without.
  std::string LastError() const;

  proxy::NodePtr NodeOf(std::string_view storage) const;
  bool MayTouch(const proxy::NodePtr& node) const;
  std::vector<std::string> HealthySources(const datastore::Repository& repository) const;
  proxy::Gate MakeGate() const;
  // For a later call of the run, which needs a send window of its own: closed when the books do not
  // say that the run is still ours.
  proxy::Gate NextGate();
  datastore::RepositoryName Name() const;
  std::chrono::milliseconds Delay() const;
  void Log(observe::Level level, std::string_view message, std::string_view error) const;

  const RunContext& context_;
  const Task task_;
  int64_t run_ = 0;
  int64_t instance_ = 0;         // as which it was recorded
  datastore::BootTime begun_{};  // before what it was last recorded with went to the database
};

}  // namespace praefect::replication
