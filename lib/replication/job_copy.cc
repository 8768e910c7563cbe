// Copies: how JobRun makes and proves one.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "datastore/await.h"
#include "datastore/rules.h"
#include "nodes/gitaly_version.h"
#include "replication/fsck.h"
#include "replication/job_run.h"

namespace praefect::replication {

using datastore::Repository;
using datastore::Rule;
using http2::StatusCode;
using proxy::NodeAnswer;
using proxy::NodePtr;
using CallEnd = proxy::SideCall::End;

namespace {

// How errors begin, by which the next run knows them.
constexpr std::string_view kDiffer = "the copy differs from its source";
constexpr std::string_view kBroken = "objects of the copy are missing or broken";

}  // namespace

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
  const bool claims =
      has_row && repository->books.replicas[position].generation != datastore::kNoClaim;
  const bool by_steps = !nodes::ReplicatesWhole(target->server_version);
  if (by_steps && claims && WithdrawIfLost(target)) return Result::kNotStarted;

  auto sources = HealthySources(*repository);
  if (sources.empty()) return PutOff("no healthy node holds what is to be copied", kMadeDueAgain);
  if (by_steps && !claims) {  // a tar may miss what is tidied meanwhile
    std::erase_if(sources, [&](const std::string& storage) {
      return context_.maintenance.Has(task_.job.repository_id, storage);
    });
    if (sources.empty()) return PutOff("what is to be copied is being tidied", kMadeDueAgain);
  }
  const NodePtr first = NodeOf(sources.front());
  // Before the run is recorded: with a lost source goes what the targets of its copies claim.
  if (claims && first != nullptr && WithdrawIfLost(first)) return Result::kNotStarted;

  PoolLink link({context_.keeper, context_.nodes, task_.virtual_storage, task_.job.replica_path});
  if (const auto why = link.Look(first, task_.storage); !why.empty()) {
    return PutOff(why);
  }

  std::string chosen;
  int64_t held = datastore::kNoClaim;
  bool from_tar = false;
  const Started started = Start([&](int64_t instance) -> Rule {
    auto rule = datastore::StartCopyOnto(task_.storage, sources, !has_row, run_, instance);
    return [&, rule = std::move(rule)](Repository& found) {
      const int at = found.Position(task_.storage);
      from_tar = by_steps && (at == datastore::kNoStorage ||
                              found.books.replicas[at].generation == datastore::kNoClaim);
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
  return Carry(target, source, {link, held, from_tar});
}

JobRun::Result JobRun::Carry(const NodePtr& target, const NodePtr& source, const Plan& plan) {
  NodeAnswer answer = Update(target, *source, MakeGate());
  // What the tar is behind in comes by a fetch.
  if (answer.ok() && plan.from_tar) answer = Update(target, *source, NextGate());
  if (!answer.ok()) return CopyFailed(target, source, answer);
  if (!nodes::ReplicatesWhole(target->server_version)) {
    if (const auto ended = CopyHead(target, source)) return *ended;
  }
  if (plan.from_tar) {
    if (const auto ended = CheckObjects(target, source)) return *ended;
  }
  const NodeAnswer linked = plan.link.Mirror(target, [this] { return NextGate(); });
  if (!linked.ok()) {
    if (linked.end != CallEnd::kAnswered) return EndFailed(linked);
    Log(observe::Level::kWarn, "a replica is without its object pool", linked.message);
  }
  return Prove(target, source, plan.held);
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
    if (here.answer.code == StatusCode::kNotFound) WithdrawIfLost(source);
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
    WithdrawIfLost(source);
    if (SpeaksOfLockFiles(answer.message) && StillMine()) {
      const NodeAnswer cleaned = context_.nodes.CleanUp(target, task_.job.replica_path, MakeGate());
      if (!cleaned.ok()) Log(observe::Level::kWarn, "cleaning up failed", cleaned.message);
    }
  }
  return EndFailed(answer);
}

// A node may have lost the repository: asked with its disk known to be the same before and after,
// so that no is no. One that is being removed is not lost. True: it claimed it until now.
bool JobRun::WithdrawIfLost(const NodePtr& node) {
  const std::string& id = node->disk.filesystem_id;  // under which it claims
  const auto seen = context_.nodes.Exists(node, task_.job.replica_path);
  if (!seen.value || *seen.value) return false;
  const auto before = context_.nodes.FilesystemId(node);
  const auto exists = context_.nodes.Exists(node, task_.job.replica_path);
  if (!before.value || !exists.value || *exists.value) return false;
  const auto after = context_.nodes.FilesystemId(node);
  if (!after.value) return false;
  const bool same_disk = !id.empty() && *before.value == id && *after.value == id;
  const Rule rule = same_disk ? datastore::WithdrawClaimOf(node->storage)
                              : datastore::SuspectStorage(node->storage, id);
  const Outcome changed = Change([&](Repository& found) {
    const int position = found.Position(node->storage);
    const bool claims = position != datastore::kNoStorage &&
                        found.books.replicas[position].generation != datastore::kNoClaim;
    return claims && found.books.state == datastore::RepositoryState::kLive && rule(found);
  });
  if (changed != Outcome::kDone) return false;
  Log(observe::Level::kError, same_disk ? "a replica is lost" : "a replica is suspect",
      fmt::format("storage \"{}\" has no repository at \"{}\"{}", node->storage,
                  task_.job.replica_path,
                  same_disk ? " any more" : ", and may be on another disk than before"));
  return true;
}

// ---- nodes before 13.2 -------------------------------------------------------------------------

// Makes the target's references those of the source, and the repository if need be.
NodeAnswer JobRun::Update(const NodePtr& target, const nodes::Node& source, proxy::Gate gate) {
  const std::string& path = task_.job.replica_path;
  if (nodes::KnowsReplicateRepository(target->server_version)) {
    return context_.nodes.Replicate(target, source, path, std::move(gate));
  }
  auto there = context_.nodes.Exists(target, path);
  if (!there.value) {
    there.answer.end = CallEnd::kNeverSent;  // a question changes nothing
    return std::move(there.answer);
  }
  if (!*there.value) {
    NodeAnswer created = context_.nodes.Create(target, path, std::move(gate));
    if (!created.ok()) return created;
    gate = NextGate();
  }
  return context_.nodes.Fetch(target, source, path, std::move(gate));
}

// Checksums are those of what HEAD leads to, and so the same for two branches that are equal. Names
// do not tell all either: a node whose HEAD names no branch tells the only one that there is.
std::optional<JobRun::Result> JobRun::CopyHead(const NodePtr& target, const NodePtr& source) {
  const auto here = context_.nodes.DefaultBranch(source, task_.job.replica_path);
  if (!here.value) return Again(here.answer.message);
  const auto there = context_.nodes.DefaultBranch(target, task_.job.replica_path);
  if (!there.value) return Again(there.answer.message);
  if (here.value->empty()) return std::nullopt;
  if (*here.value == *there.value) {
    const auto of_source = context_.nodes.Checksum(source, task_.job.replica_path);
    const auto of_copy = context_.nodes.Checksum(target, task_.job.replica_path);
    const bool differ = of_source.value && of_copy.value && *of_source.value != *of_copy.value;
    if (!differ) return std::nullopt;  // what could not be asked is for the proof to tell
  }
  const NodeAnswer set =
      context_.nodes.SetHead(target, task_.job.replica_path, *here.value, NextGate());
  if (!set.ok()) return EndFailed(set);
  return std::nullopt;
}

// A tar that was read while somebody packed the source lacks objects, which no checksum of
// references shows and no fetch brings. It is removed, to be made anew.
std::optional<JobRun::Result> JobRun::CheckObjects(const NodePtr& target, const NodePtr& source) {
  const auto there = context_.nodes.Fsck(target, task_.job.replica_path);
  if (!there.value) return Again(there.answer.message);
  if (there.value->empty()) return std::nullopt;
  const auto here = context_.nodes.Fsck(source, task_.job.replica_path);
  if (!here.value) return Again(here.answer.message);
  const std::string faults = NewFaults(*there.value, *here.value);
  if (faults.empty()) return std::nullopt;

  const std::string error = fmt::format("{} on storage \"{}\": {}", kBroken, task_.storage, faults);
  const bool again = LastError().starts_with(kBroken);
  const NodeAnswer removed = context_.nodes.Remove(target, task_.job.replica_path, NextGate());
  if (!removed.ok()) return EndFailed(removed);
  const bool parks = Parks(again, error);
  return EndRun(AfterFailure(error, parks), parks ? Result::kParked : Result::kFailed);
}

}  // namespace praefect::replication
