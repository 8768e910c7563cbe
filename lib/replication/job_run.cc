#include "replication/job_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "datastore/await.h"
#include "datastore/rules.h"
#include "replication/pool_link.h"

namespace praefect::replication {

using datastore::Changed;
using datastore::Repository;
using datastore::Rule;
using http2::StatusCode;
using proxy::NodeAnswer;
using proxy::NodePtr;
using CallEnd = proxy::SideCall::End;

namespace {

constexpr std::string_view kDiffer = "the copy differs from its source";

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

// ---- copies ------------------------------------------------------------------------------------

JobRun::Result JobRun::Copy() {
  const NodePtr target = NodeOf(task_.storage);
  if (!MayTouch(target)) return Result::kNotStarted;  // it stays ready until the node is back
  const auto repository = Find();
  if (!repository) return Result::kNotStarted;
  const int position = repository->Position(task_.storage);
  const bool has_row =
      position != datastore::kNoStorage && repository->books.replicas[position].row;
  if (!has_row) {
    const auto exists = context_.nodes.Exists(target, task_.job.replica_path);
    if (!exists.value) return PutOff(exists.answer.message);
    if (*exists.value) return ParkUnknown();
    LookForShadowed(target);
  }
  const auto sources = HealthySources(*repository);
  if (sources.empty()) return PutOff("no healthy node holds what is to be copied", kMadeDueAgain);

  const NodePtr first = NodeOf(sources.front());
  const bool claims =
      has_row && repository->books.replicas[position].generation != datastore::kNoClaim;
  // Before the run is recorded: with a lost source goes what the targets of its copies claim.
  if (claims && first != nullptr && LookAtSource(first)) return Result::kNotStarted;

  PoolLink link({context_.keeper, context_.nodes, task_.virtual_storage, task_.job.replica_path});
  if (const auto why = link.Look(first, task_.storage); !why.empty()) {
    return PutOff(why);
  }

  std::string chosen;
  int64_t held = datastore::kNoClaim;
  const Started started = Start([&](int64_t instance) -> Rule {
    auto rule = datastore::StartCopyOnto(task_.storage, sources, !has_row, run_, instance);
    return [&, rule = std::move(rule)](Repository& found) {
      if (!rule(found)) return false;
      const auto& job = found.books.replicas[found.Position(task_.storage)].job;
      chosen = found.Name(job.source);
      held = job.claim;
      return true;
    };
  });
  if (started == Started::kRefused) return PutOff("nothing may be copied from at the moment");
  if (started == Started::kUnknown) return Result::kLost;

  const NodePtr source = NodeOf(chosen);
  if (source == nullptr) return Again(fmt::format("storage \"{}\" is gone", chosen));
  const NodeAnswer answer =
      context_.nodes.Replicate(target, *source, task_.job.replica_path, MakeGate());
  if (!answer.ok()) return CopyFailed(target, source, answer);
  const NodeAnswer linked = link.Mirror(target, MakeGate());
  if (!linked.ok()) {
    if (linked.end != CallEnd::kAnswered) return EndFailed(linked);
    Log(observe::Level::kWarn, "a replica is without its object pool", linked.message);
  }
  return Prove(target, source, held);
}

JobRun::Result JobRun::ParkUnknown() {
  const std::string error =
      fmt::format("{} \"{}\" of storage \"{}\", and is not overwritten", datastore::kUnknownContent,
                  task_.job.replica_path, task_.storage);
  // Another Praefect may have made the replica between our look into the books and that at the
  // node.
  const Rule park = datastore::ParkJob(task_.storage, error);
  const Outcome parked = Change([&](Repository& found) {
    const int position = found.Position(task_.storage);
    const bool ours = position != datastore::kNoStorage && found.books.replicas[position].row;
    return !ours && park(found);
  });
  if (parked != Outcome::kDone) return Result::kNotStarted;
  Log(observe::Level::kError, "replication job parked", error);
  return Result::kParked;
}

// Where the repository lies elsewhere than its name says, something else may have that name on a
// node that was not asked when the repository was created. It is left alone.
void JobRun::LookForShadowed(const NodePtr& target) const {
  const std::string& name = task_.job.relative_path;
  if (name.empty() || name == task_.job.replica_path) return;
  const auto overlaps = datastore::Await<bool>([&](auto done) {
    context_.keeper.store().Overlaps(Name(), db::After(kBooksTimeout), std::move(done));
  });
  if (!overlaps.ok() || overlaps.value) return;  // it is another repository's, or may be
  const auto exists = context_.nodes.Exists(target, name);
  if (!exists.value || !*exists.value) return;
  datastore::Await<bool>([&](auto done) {
    context_.unknown.Note({{task_.virtual_storage, name, task_.storage, "", {}}},
                          db::After(kBooksTimeout), std::move(done));
  });
  Log(observe::Level::kWarn, "something unknown has the name of a repository, and is left alone",
      fmt::format("it lies at \"{}\" of storage \"{}\"", name, task_.storage));
}

JobRun::Result JobRun::Prove(const NodePtr& target, const NodePtr& source, int64_t held) {
  const auto there = context_.nodes.Checksum(target, task_.job.replica_path);
  if (!there.value) return Again(there.answer.message);
  const auto here = context_.nodes.Checksum(source, task_.job.replica_path);
  if (!here.value) {
    if (here.answer.code == StatusCode::kNotFound) LookAtSource(source);
    return Again(here.answer.message);
  }
  if (*there.value == *here.value) return Complete(true);

  const auto repository = Find();
  if (!repository) return Complete(false);
  const auto& books = repository->books;
  const int from = repository->Position(source->storage);
  const bool written = books.generation != held ||
                       std::any_of(books.intents.begin(), books.intents.end(),
                                   [&](const auto& intent) { return intent.storage == from; });
  return written ? Complete(false) : Replace(target, *repository);
}

// It differs although nothing was written: nobody may rely on it any more. It is removed, and made
// anew by the next run; one that differs again is for people to look at.
JobRun::Result JobRun::Replace(const NodePtr& target, const Repository& repository) {
  context_.metrics.mismatches
      .Add({{"virtual_storage", task_.virtual_storage}, {"storage", task_.storage}})
      .Increment();
  const std::string error = fmt::format("{} while nothing was written to it", kDiffer);
  const int position = repository.Position(task_.storage);
  const bool again = repository.books.replicas[position].job.error.starts_with(kDiffer);
  Log(observe::Level::kError, "a replica is not used: it differs", error);

  begun_ = datastore::NowSinceBoot();
  if (Change(datastore::WithdrawClaimOf(task_.storage)) != Outcome::kDone) return Lose();
  if (again) return EndRun(datastore::ParkRun(task_.storage, run_, error), Result::kParked);
  const NodeAnswer answer = context_.nodes.Remove(target, task_.job.replica_path, MakeGate());
  if (!answer.ok()) return EndFailed(answer);
  return EndRun(datastore::RetryRun(task_.storage, run_, error, Delay()), Result::kFailed);
}

JobRun::Result JobRun::CopyFailed(const NodePtr& target, const NodePtr& source,
                                  const NodeAnswer& answer) {
  if (answer.end == CallEnd::kAnswered) {
    LookAtSource(source);
    if (SpeaksOfLockFiles(answer.message) && StillMine()) {
      const NodeAnswer cleaned = context_.nodes.CleanUp(target, task_.job.replica_path, MakeGate());
      if (!cleaned.ok()) Log(observe::Level::kWarn, "cleaning up failed", cleaned.message);
    }
  }
  return EndFailed(answer);
}

// The source may have lost the repository: asked with its disk known to be the same before and
// after, so that no is no. One that is being removed is not lost. True: it claimed it until now.
bool JobRun::LookAtSource(const NodePtr& source) {
  const std::string& id = source->disk.filesystem_id;  // under which it claims
  const auto seen = context_.nodes.Exists(source, task_.job.replica_path);
  if (!seen.value || *seen.value) return false;
  const auto before = context_.nodes.FilesystemId(source);
  const auto exists = context_.nodes.Exists(source, task_.job.replica_path);
  if (!before.value || !exists.value || *exists.value) return false;
  const auto after = context_.nodes.FilesystemId(source);
  if (!after.value) return false;
  const bool same_disk = !id.empty() && *before.value == id && *after.value == id;
  const Rule rule = same_disk ? datastore::WithdrawClaimOf(source->storage)
                              : datastore::SuspectStorage(source->storage, id);
  const Outcome changed = Change([&](Repository& found) {
    const int position = found.Position(source->storage);
    const bool claims = position != datastore::kNoStorage &&
                        found.books.replicas[position].generation != datastore::kNoClaim;
    return claims && found.books.state == datastore::RepositoryState::kLive && rule(found);
  });
  if (changed != Outcome::kDone) return false;
  Log(observe::Level::kError, same_disk ? "a replica is lost" : "a replica is suspect",
      fmt::format("storage \"{}\" has no repository at \"{}\"{}", source->storage,
                  task_.job.replica_path,
                  same_disk ? " any more" : ", and may be on another disk than before"));
  return true;
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
