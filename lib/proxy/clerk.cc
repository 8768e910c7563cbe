#include "proxy/clerk.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <random>
#include <utility>

#include "datastore/await.h"
#include "datastore/changes.h"
#include "datastore/names.h"
#include "observe/thread.h"
#include "proxy/decisions.h"

namespace praefect::proxy {
namespace {

using absl::StatusCode;
using datastore::Changed;
using datastore::Repository;
using datastore::RepositoryState;
using datastore::Rule;

// Between two looks at a name that somebody else is creating.
constexpr std::chrono::milliseconds kLookAgain{50};
constexpr char kStorageGone[] = "the virtual storage is gone";

// Of a repository that is new, or new to the books; `default_replication_factor`.
std::vector<std::string> Assignments(const nodes::VirtualStorage& storage,
                                     std::vector<std::string> holders) {
  std::vector<std::string> all;
  for (const nodes::Node& node : storage.nodes) all.push_back(node.storage);
  std::mt19937_64 random{std::random_device()()};
  return datastore::PickAssignments(std::move(all), std::move(holders),
                                    static_cast<size_t>(storage.replication_factor), random);
}

// Why it is not asked; empty: it is.
std::string KnownToBeDown(const nodes::Node& node) {
  if (node.routable()) return "";
  return fmt::format("node \"{}\" at {}: {}", node.storage, node.address_text, node.reason);
}

// A rule for the repository that has the name now.
Rule IfStill(std::string relative_path, Rule rule) {
  return [relative_path = std::move(relative_path), rule = std::move(rule)](Repository& found) {
    return found.name.relative_path == relative_path && rule(found);
  };
}

}  // namespace

Clerk::Clerk(datastore::Bookkeeper& keeper, datastore::UnknownContents& unknown,
             const NodeClient& nodes, SnapshotSource snapshot, ClerkOptions options)
    : keeper_(keeper),
      unknown_(unknown),
      nodes_(nodes),
      snapshot_(std::move(snapshot)),
      options_(options) {
  for (size_t i = 0; i < options_.threads; ++i)
    threads_.push_back(observe::StartThread("clerk", [this] { Run(); }));
}

Clerk::~Clerk() { Stop(); }

void Clerk::Create(Name name, db::Deadline deadline, Done done) {
  Hand([=, this] { return CreateNow(name, deadline); }, std::move(done));
}
void Clerk::Adopt(Name name, db::Deadline deadline, Done done) {
  Hand([=, this] { return AdoptNow(name, deadline); }, std::move(done));
}
void Clerk::Locate(Name name, db::Deadline deadline, Done done) {
  Hand([=, this] { return LocateNow(name, deadline); }, std::move(done));
}
void Clerk::Remove(Name name, db::Deadline deadline, Done done) {
  Hand([=, this] { return RemoveNow(name, deadline); }, std::move(done));
}
void Clerk::Rename(Name from, std::string to, db::Deadline deadline, Done done) {
  Hand([=, this] { return RenameNow(from, to, deadline); }, std::move(done));
}

// ---- threads -----------------------------------------------------------------------------------

void Clerk::Hand(Work work, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && waiting_.size() < options_.max_waiting) {
      waiting_.push_back({std::move(work), std::move(done)});
      changed_.notify_one();
      return;
    }
  }
  done(Refused(StatusCode::kUnavailable,
               "too many repositories are being created, removed or looked for, try again",
               "names_waiting",
               "they wait for nodes or the database: `praefect status` tells which is slow"));
}

void Clerk::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    entry.done(entry.work());
    lock.lock();
  }
}

void Clerk::Stop() {
  std::deque<Entry> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting = std::exchange(waiting_, {});
    changed_.notify_all();
  }
  for (std::thread& thread : std::exchange(threads_, {})) thread.join();
  for (Entry& entry : waiting) {
    entry.done(Refused(StatusCode::kUnavailable, "Praefect is shutting down", "stopping"));
  }
}

// ---- creating ----------------------------------------------------------------------------------

// A second creator waits for the first; what it finds then decides.
Decision Clerk::CreateNow(const Name& name, db::Deadline deadline) {
  const db::Deadline patience = std::min(deadline, db::After(options_.create_wait));
  for (;;) {
    Decision decision = CreateOnce(name, deadline);
    const bool busy = decision.refusal.reason == "name_busy";
    if (!busy || std::chrono::steady_clock::now() + kLookAgain > patience) return decision;
    std::this_thread::sleep_for(kLookAgain);
  }
}

Decision Clerk::CreateOnce(const Name& name, db::Deadline deadline) {
  const auto found = Find(name, deadline);
  if (!found.ok()) return DatabaseAway(*found.error);
  if (found.value) {
    if (found.value->books.state == RepositoryState::kCreating) return Busy("created", name);
    return {Decision::kKnown};
  }
  const auto snapshot = snapshot_();
  const nodes::VirtualStorage* storage = snapshot->Find(name.virtual_storage);
  if (storage == nullptr) {
    return Refused(StatusCode::kInvalidArgument, "storage name not found",
                   "unknown_virtual_storage");
  }
  const nodes::Node& primary = storage->primary();

  const auto overlaps = Overlaps(name, deadline);
  if (!overlaps.ok()) return DatabaseAway(*overlaps.error);
  const Holders holders = AskAll(name);
  const bool pool = datastore::IsPoolPath(name.relative_path);
  const datastore::CreationFacts facts{.all_answered = holders.unanswered.empty(),
                                       .something_there = !holders.have.empty(),
                                       // Gitaly has no question for it.
                                       .directory_there = true,
                                       .overlaps = overlaps.value};
  const auto place = datastore::PlaceOfCreation(name.relative_path, facts);
  if (place == datastore::CreationPlace::kAdoptFirst) return AdoptNow(name, deadline);
  const bool own_path = place == datastore::CreationPlace::kRelativePath;

  std::promise<std::pair<datastore::Opened, std::string>> promise;
  keeper_.Create({.name = name,
                  .replica_path = own_path ? name.relative_path : "",
                  .pool = pool,
                  .primary = primary.storage,
                  .assignments = Assignments(*storage, {primary.storage})},
                 deadline, [&](datastore::Opened opened, std::string replica_path) {
                   promise.set_value({std::move(opened), std::move(replica_path)});
                 });
  auto [opened, replica_path] = promise.get_future().get();
  switch (opened.result) {
    case datastore::Opened::kRecorded:
      break;
    case datastore::Opened::kRouteAnew:
      return Busy("created", name);
    case datastore::Opened::kUnavailable:
      return Refused(StatusCode::kUnavailable, std::move(opened.why), "database");
  }
  Decision decision{Decision::kRecorded};
  decision.write = std::move(opened.write);
  decision.storage = primary.storage;
  decision.replica_path = std::move(replica_path);
  return decision;
}

// ---- what was there before Praefect ------------------------------------------------------------

// The row first, then the questions: what is answered about a name whose repository is removed
// meanwhile must not be taken over.
Decision Clerk::AdoptNow(const Name& name, db::Deadline deadline) {
  const auto overlaps = Overlaps(name, deadline);
  if (!overlaps.ok()) return DatabaseAway(*overlaps.error);
  if (overlaps.value) {
    const auto found = Find(name, deadline);
    if (!found.ok()) return DatabaseAway(*found.error);
    if (!found.value) return {Decision::kNotFound};
    if (found.value->books.state == RepositoryState::kCreating) return Busy("created", name);
    return {Decision::kKnown};
  }
  std::promise<datastore::Opened> promise;
  keeper_.Create(
      {.name = name, .replica_path = name.relative_path}, deadline,
      [&](datastore::Opened opened, const std::string&) { promise.set_value(std::move(opened)); });
  datastore::Opened opened = promise.get_future().get();
  if (opened.result == datastore::Opened::kRouteAnew) return Busy("taken over", name);
  if (opened.result == datastore::Opened::kUnavailable) {
    return Refused(StatusCode::kUnavailable, std::move(opened.why), "database");
  }
  Decision decision = AdoptRecorded(opened.write, name, deadline);
  keeper_.Finish(opened.write, datastore::End::kNeverSent);
  return decision;
}

Decision Clerk::AdoptRecorded(const datastore::Write& write, const Name& name,
                              db::Deadline deadline) {
  const Holders holders = AskAll(name);
  if (!holders.unanswered.empty()) return Unanswered(name, holders.unanswered);
  if (holders.have.empty()) return {Decision::kNotFound};
  std::vector<std::string> storages;
  std::vector<datastore::UnknownContent> contents;
  bool differs = false;
  for (const NodePtr& node : holders.have) {
    storages.push_back(node->storage);
    if (holders.have.size() == 1) break;
    const auto checksum = nodes_.Checksum(node, name.relative_path);
    if (!checksum.value) return Unanswered(name, checksum.answer.message);
    contents.push_back(
        {name.virtual_storage, name.relative_path, node->storage, *checksum.value, {}});
    differs = differs || contents.front().checksum != contents.back().checksum;
  }
  if (differs) return RefuseDiffering(name, std::move(contents), deadline);
  const auto snapshot = snapshot_();
  const nodes::VirtualStorage* storage = snapshot->Find(name.virtual_storage);
  if (storage == nullptr) return Unanswered(name, "the virtual storage is gone");
  const auto adopted = datastore::Await<Changed>([&](auto done) {
    keeper_.Change(
        write.repository_id,
        datastore::AdoptFrom(storages, storages.front(), Assignments(*storage, storages)), deadline,
        std::move(done));
  });
  if (!adopted.ok()) return DatabaseAway(*adopted.error);
  return {adopted.value == Changed::kDone ? Decision::kKnown : Decision::kNotFound};
}

// Which one is right is for people to say; they find it in the status.
Decision Clerk::RefuseDiffering(const Name& name, std::vector<datastore::UnknownContent> contents,
                                db::Deadline deadline) {
  std::string storages;
  for (const datastore::UnknownContent& each : contents) {
    storages += fmt::format("{}\"{}\"", storages.empty() ? "" : ", ", each.storage);
  }
  datastore::Await<bool>(
      [&](auto done) { unknown_.Note(std::move(contents), deadline, std::move(done)); });
  return Refused(StatusCode::kFailedPrecondition,
                 fmt::format("\"{}\" cannot be taken over: it was on several storages before "
                             "Praefect, and is not the same on all of {}",
                             name.relative_path, storages),
                 "contents_differ",
                 "move all but the right one away on the nodes' disks; `praefect status` lists it");
}

Decision Clerk::LocateNow(const Name& name, db::Deadline deadline) {
  const auto found = Find(name, deadline);
  if (!found.ok()) return DatabaseAway(*found.error);
  if (found.value) {
    const bool creating = found.value->books.state == RepositoryState::kCreating;
    return {creating ? Decision::kNotFound : Decision::kKnown};
  }
  const auto overlaps = Overlaps(name, deadline);
  if (!overlaps.ok()) return DatabaseAway(*overlaps.error);
  if (overlaps.value) return {Decision::kNotFound};
  const Holders holders = AskAll(name);
  if (!holders.have.empty()) {
    Decision decision{Decision::kElsewhere};
    decision.storage = holders.have.front()->storage;
    return decision;
  }
  if (!holders.unanswered.empty()) return Unanswered(name, holders.unanswered);
  Decision decision{Decision::kElsewhere};
  if (!holders.have_not.empty()) decision.storage = holders.have_not.front()->storage;
  return decision;
}

// ---- names -------------------------------------------------------------------------------------

Decision Clerk::RemoveNow(const Name& name, db::Deadline deadline) {
  auto found = Find(name, deadline);
  if (!found.ok()) return DatabaseAway(*found.error);
  if (!found.value) {
    const Decision adopted = AdoptNow(name, deadline);
    if (adopted.kind != Decision::kKnown) return adopted;
    found = Find(name, deadline);
    if (!found.ok()) return DatabaseAway(*found.error);
    if (!found.value) return {Decision::kNotFound};
  }
  const auto removed = datastore::Await<Changed>([&](auto done) {
    keeper_.Change(found.value->id, IfStill(name.relative_path, datastore::RemoveRepository()),
                   deadline, std::move(done));
  });
  if (!removed.ok()) return DatabaseAway(*removed.error);
  return {removed.value == Changed::kDone ? Decision::kDone : Decision::kNotFound};
}

Decision Clerk::RenameNow(const Name& from, const std::string& to, db::Deadline deadline) {
  auto found = Find(from, deadline);
  if (!found.ok()) return DatabaseAway(*found.error);
  if (!found.value) {
    const Decision adopted = AdoptNow(from, deadline);
    if (adopted.kind != Decision::kKnown) return adopted;
    found = Find(from, deadline);
    if (!found.ok()) return DatabaseAway(*found.error);
    if (!found.value) return {Decision::kNotFound};
  } else if (found.value->books.state == RepositoryState::kCreating) {
    return Busy("created", from);
  }
  const Name target{from.virtual_storage, to};
  const auto overlaps = Overlaps(target, deadline);
  if (!overlaps.ok()) return DatabaseAway(*overlaps.error);
  // Where a row has its replicas there, nothing that lies there is unknown.
  if (!overlaps.value) {
    const Holders holders = AskAll(target);
    if (!holders.unanswered.empty()) return Unanswered(target, holders.unanswered);
    if (!holders.have.empty()) {
      return Refused(
          StatusCode::kAlreadyExists,
          fmt::format(
              "\"{}\" cannot be renamed to \"{}\": something is there on storage \"{}\" already",
              from.relative_path, to, holders.have.front()->storage),
          "already_exists",
          "it is in no book of Praefect's: look what it is, and move it away there");
    }
  }
  const auto renamed = datastore::Await<Changed>(
      [&](auto done) { keeper_.Rename(found.value->id, from, to, deadline, std::move(done)); });
  if (!renamed.ok()) return DatabaseAway(*renamed.error);
  switch (renamed.value) {
    case Changed::kDone:
      return {Decision::kDone};
    case Changed::kNotFound:
      return {Decision::kNotFound};
    case Changed::kRefused:
      break;
  }
  return Refused(
      StatusCode::kAlreadyExists,
      fmt::format("\"{}\" cannot be renamed to \"{}\": that name is taken", from.relative_path, to),
      "already_exists");
}

// ---- questions ---------------------------------------------------------------------------------

std::vector<NodePtr> Clerk::NodesOf(const std::string& virtual_storage) const {
  const auto snapshot = snapshot_();
  const nodes::VirtualStorage* storage = snapshot->Find(virtual_storage);
  std::vector<NodePtr> nodes;
  if (storage == nullptr) return nodes;
  for (const nodes::Node& node : storage->nodes) nodes.emplace_back(snapshot, &node);
  const nodes::Node* primary = &storage->primary();
  std::stable_partition(nodes.begin(), nodes.end(),
                        [&](const NodePtr& node) { return node.get() == primary; });
  return nodes;
}

Clerk::Walked Clerk::WalkAll(const std::string& virtual_storage,
                             std::chrono::milliseconds timeout) const {
  const std::vector<NodePtr> nodes = NodesOf(virtual_storage);
  if (nodes.empty()) return {.unanswered = kStorageGone};
  for (const NodePtr& node : nodes) {
    if (std::string why = KnownToBeDown(*node); !why.empty()) return {.unanswered = std::move(why)};
  }
  Walked all;
  for (auto& walked : nodes_.Walk(nodes, timeout)) {
    if (!walked.value) return {.unanswered = walked.answer.message};
    std::move(walked.value->begin(), walked.value->end(), std::back_inserter(all.repositories));
  }
  return all;
}

Clerk::Holders Clerk::AskAll(const Name& name) const {
  std::vector<NodePtr> nodes = NodesOf(name.virtual_storage);
  if (nodes.empty()) return {.unanswered = kStorageGone};
  Holders holders;
  const auto note = [&](std::string why) {
    if (holders.unanswered.empty()) holders.unanswered = std::move(why);
  };
  std::erase_if(nodes, [&](const NodePtr& node) {
    std::string why = KnownToBeDown(*node);
    const bool down = !why.empty();
    if (down) note(std::move(why));
    return down;
  });
  const auto answers = nodes_.Exists(nodes, name.relative_path);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!answers[i].value) {
      note(answers[i].answer.message);
    } else {
      (*answers[i].value ? holders.have : holders.have_not).push_back(nodes[i]);
    }
  }
  return holders;
}

datastore::Result<std::optional<Repository>> Clerk::Find(const Name& name,
                                                         db::Deadline deadline) const {
  return datastore::Await<std::optional<Repository>>(
      [&](auto done) { keeper_.store().Find(name, deadline, std::move(done)); });
}

datastore::Result<bool> Clerk::Overlaps(const Name& name, db::Deadline deadline) const {
  return datastore::Await<bool>(
      [&](auto done) { keeper_.store().Overlaps(name, deadline, std::move(done)); });
}

}  // namespace praefect::proxy
