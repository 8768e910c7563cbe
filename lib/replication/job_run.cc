#include "replication/job_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "datastore/await.h"
#include "datastore/rules.h"

namespace praefect::replication {

using datastore::Changed;
using datastore::Repository;
using datastore::Rule;
using http2::StatusCode;
using proxy::NodeAnswer;
using proxy::NodePtr;
using CallEnd = proxy::SideCall::End;

namespace {

datastore::End EndOf(const NodeAnswer& answer) {
  switch (answer.end) {
    case CallEnd::kNeverSent:
      return datastore::End::kNeverSent;
    case CallEnd::kAnswered:
      return datastore::End::kAnswered;
    case CallEnd::kLost:
      break;
  }
  return datastore::End::kLost;
}

// The send window of one run.
class RunGate final : public http2::SendGate {
 public:
  RunGate(const datastore::Bookkeeper& keeper, datastore::Write write)
      : keeper_(keeper), write_(std::move(write)) {}
  bool MayBegin() const override { return keeper_.MaySend(write_); }
  bool MayContinue() const override { return keeper_.MayFeed(write_); }

 private:
  const datastore::Bookkeeper& keeper_;
  const datastore::Write write_;
};

// As upstream names them.
const char* TypeOf(datastore::JobKind kind) {
  return kind == datastore::JobKind::kCopy ? "update" : "delete";
}

double Chance() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<double>()(random);
}

}  // namespace

JobRun::JobRun(const RunContext& context, Task task) : context_(context), task_(std::move(task)) {}

std::string_view JobRun::Label(Result result) {
  switch (result) {
    case Result::kCompleted:
      return "completed";
    case Result::kUnproven:
      return "unproven";
    case Result::kFailed:
      return "failed";
    case Result::kParked:
      return "parked";
    case Result::kLost:
      return "lost";
    case Result::kNotStarted:
      break;
  }
  return "not_started";
}

void JobRun::Run() {
  const bool copies = task_.job.kind == datastore::JobKind::kCopy;
  const std::string type = TypeOf(task_.job.kind);
  auto& in_flight = context_.metrics.in_flight.Add({{"virtual_storage", task_.virtual_storage},
                                                    {"gitaly_storage", task_.storage},
                                                    {"change_type", type}});
  const auto begin = std::chrono::steady_clock::now();
  in_flight.Increment();
  const Result result = copies ? Copy() : Delete();
  in_flight.Decrement();
  if (result == Result::kCompleted || result == Result::kUnproven) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    context_.metrics.latency.Add({{"type", type}}).Observe(took.count());
  }
  context_.metrics.runs
      .Add({{"virtual_storage", task_.virtual_storage},
            {"storage", task_.storage},
            {"type", type},
            {"result", std::string(Label(result))}})
      .Increment();
}

// ---- deletes -----------------------------------------------------------------------------------

JobRun::Result JobRun::Delete() {
  const NodePtr node = NodeOf(task_.storage);
  if (!MayTouch(node)) return Result::kNotStarted;
  const Started started = Start(
      [&](int64_t instance) { return datastore::StartDeleteOn(task_.storage, run_, instance); });
  if (started == Started::kRefused) {
    return PutOff("it is deleted when nothing is under way that could bring it back",
                  kMadeDueAgain);
  }
  if (started == Started::kUnknown) return Result::kLost;
  const NodeAnswer answer = context_.nodes.Remove(node, task_.job.replica_path, MakeGate());
  return answer.ok() ? Complete(true) : EndFailed(answer);
}

// ---- the books ---------------------------------------------------------------------------------

JobRun::Started JobRun::Start(const std::function<Rule(int64_t instance)>& rule) {
  const int64_t instance = context_.keeper.instance();
  if (instance == 0) return Started::kUnknown;
  run_ = context_.keeper.BeginRun();
  instance_ = instance;
  begun_ = datastore::NowSinceBoot();
  switch (Change(rule(instance))) {
    case Outcome::kDone:
      if (task_.job.attempts == 0) ObserveDelay();
      return Started::kYes;
    case Outcome::kRefused:
      context_.keeper.EndRun(run_);
      return Started::kRefused;
    case Outcome::kUnknown:
      break;
  }
  // It may be recorded: then it is ours until it is released.
  context_.keeper.LoseRun(task_.job.repository_id, Name(), task_.storage, run_,
                          datastore::End::kNeverSent, datastore::ReleaseRun(task_.storage, run_));
  return Started::kUnknown;
}

void JobRun::ObserveDelay() const {
  const std::chrono::duration<double> waited = task_.job.waited;
  context_.metrics.delay.Add({{"type", TypeOf(task_.job.kind)}}).Observe(waited.count());
}

bool JobRun::StillMine() {
  bool mine = false;
  begun_ = datastore::NowSinceBoot();
  Change([&](Repository& repository) {
    const int position = repository.Position(task_.storage);
    if (position == datastore::kNoStorage) return false;
    const auto& replica = repository.books.replicas[position];
    mine = datastore::IsBusy(replica) && replica.job.run == run_;
    return false;
  });
  return mine;
}

JobRun::Result JobRun::Complete(bool verified) {
  return EndRun(datastore::CompleteRun(task_.storage, run_, verified),
                verified ? Result::kCompleted : Result::kUnproven);
}

// The calls of the run are over.
JobRun::Result JobRun::EndRun(const Rule& rule, Result result) {
  if (Change(rule) == Outcome::kUnknown) return Lose();
  context_.keeper.EndRun(run_);
  return result;
}

// What became of the run could not be recorded: it claims nothing, and is released later.
JobRun::Result JobRun::Lose() {
  context_.keeper.LoseRun(task_.job.repository_id, Name(), task_.storage, run_,
                          datastore::End::kAnswered, datastore::ReleaseRun(task_.storage, run_));
  return Result::kLost;
}

// The calls of the run are over, and what it did is not proven.
JobRun::Result JobRun::Again(std::string_view error) {
  const bool parks = Parks(/*permanent=*/false, error);
  return EndRun(AfterFailure(error, parks), parks ? Result::kParked : Result::kFailed);
}

JobRun::Result JobRun::EndFailed(const NodeAnswer& answer) {
  const bool permanent = answer.end == CallEnd::kAnswered && IsPermanent(answer.code);
  const bool parks = Parks(permanent, answer.message);
  const Rule rule = AfterFailure(answer.message, parks);
  const Result result = parks ? Result::kParked : Result::kFailed;
  if (answer.end == CallEnd::kNeverSent) return EndRun(rule, result);
  context_.keeper.LoseRun(task_.job.repository_id, Name(), task_.storage, run_, EndOf(answer),
                          rule);
  return answer.end == CallEnd::kLost ? Result::kLost : result;
}

bool JobRun::Parks(bool permanent, std::string_view error) const {
  const bool parks = permanent || task_.job.attempts + 1 >= kMaxAttempts;
  Log(parks ? observe::Level::kError : observe::Level::kWarn,
      parks ? "replication job parked" : "replication job failed", error);
  return parks;
}

Rule JobRun::AfterFailure(std::string_view error, bool parks) const {
  if (parks) return datastore::ParkRun(task_.storage, run_, error);
  return datastore::RetryRun(task_.storage, run_, error, Delay());
}

JobRun::Result JobRun::PutOff(std::string_view error) { return PutOff(error, Delay()); }

JobRun::Result JobRun::PutOff(std::string_view error, std::chrono::milliseconds delay) {
  Change(datastore::PutJobOff(task_.storage, error, delay));
  return Result::kNotStarted;
}

JobRun::Outcome JobRun::Change(const Rule& rule) const {
  const auto result = datastore::Await<Changed>([&](auto done) {
    context_.keeper.Change(task_.job.repository_id, rule, db::After(kBooksTimeout),
                           std::move(done));
  });
  if (!result.ok()) return Outcome::kUnknown;
  return result.value == Changed::kDone ? Outcome::kDone : Outcome::kRefused;
}

std::optional<Repository> JobRun::Find() const {
  auto result = datastore::Await<std::optional<Repository>>([&](auto done) {
    context_.keeper.store().Find(task_.job.repository_id, db::After(kBooksTimeout),
                                 std::move(done));
  });
  return result.ok() ? std::move(result.value) : std::nullopt;
}

std::string JobRun::LastError() const {
  const auto repository = Find();
  const int position = repository ? repository->Position(task_.storage) : datastore::kNoStorage;
  if (position == datastore::kNoStorage) return "";
  return repository->books.replicas[position].job.error;
}

// ---- nodes -------------------------------------------------------------------------------------

NodePtr JobRun::NodeOf(std::string_view storage) const {
  return proxy::FindNode(context_.snapshot(), task_.virtual_storage, storage);
}

bool JobRun::MayTouch(const NodePtr& node) const {
  return node != nullptr && node->health == nodes::Health::kUp && node->writable();
}

// The primary first; which of them may serve is the books' to say.
std::vector<std::string> JobRun::HealthySources(const Repository& repository) const {
  std::vector<std::string> sources;
  const auto add = [&](int position) {
    const NodePtr node = NodeOf(repository.Name(position));
    if (MayTouch(node)) sources.push_back(node->storage);
  };
  const int primary = repository.books.primary;
  if (primary != datastore::kNoStorage) add(primary);
  for (int each = 0; each < static_cast<int>(repository.storages.size()); ++each) {
    if (each != primary && repository.storages[each] != task_.storage) add(each);
  }
  return sources;
}

proxy::Gate JobRun::MakeGate() const {
  return std::make_shared<RunGate>(context_.keeper,
                                   datastore::Write{.intent = run_,
                                                    .instance = instance_,
                                                    .begun = begun_,
                                                    .repository_id = task_.job.repository_id,
                                                    .name = Name(),
                                                    .storage = task_.storage});
}

proxy::Gate JobRun::NextGate() {
  if (!StillMine()) begun_ = {};  // long ago
  return MakeGate();
}

datastore::RepositoryName JobRun::Name() const {
  return {task_.virtual_storage, task_.job.relative_path};
}

std::chrono::milliseconds JobRun::Delay() const { return DelayAfter(task_.job.attempts, Chance()); }

void JobRun::Log(observe::Level level, std::string_view message, std::string_view error) const {
  context_.logger.Log(level, message,
                      {{"virtual_storage", task_.virtual_storage},
                       {"storage", task_.storage},
                       {"relative_path", task_.job.relative_path},
                       {"replica_path", task_.job.replica_path},
                       {"repository_id", task_.job.repository_id},
                       {"attempt", int64_t{task_.job.attempts} + 1},
                       {"error", error}});
}

}  // namespace praefect::replication
