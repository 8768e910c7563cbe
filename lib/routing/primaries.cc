#include "routing/primaries.h"

#include <fmt/format.h>

#include <algorithm>

#include "datastore/rules.h"
#include "routing/refusals.h"

namespace praefect::routing {
namespace {

using datastore::kNoStorage;
using datastore::Repository;

// Up for certain: whoever takes over must be known to answer.
bool TakesWrites(const nodes::Node* node) {
  return node != nullptr && node->health == nodes::Health::kUp && node->writable();
}

bool IsAssigned(const Repository& repository, std::string_view storage) {
  const auto& assigned = repository.assignments;
  return assigned.empty() || std::find(assigned.begin(), assigned.end(), storage) != assigned.end();
}

bool MayTakeOver(const nodes::VirtualStorage& virtual_storage, const Repository& repository,
                 std::string_view storage) {
  const int position = repository.Position(storage);
  return position != kNoStorage && TakesWrites(virtual_storage.Find(storage)) &&
         MayPromote(repository.books, position);
}

bool IsVerified(const Repository& repository, std::string_view storage) {
  return repository.books.replicas[repository.Position(storage)].verified;
}

// It claims something, and nothing keeps its copies from ending soon.
bool CatchesUp(const Repository& repository, std::string_view storage) {
  const int position = repository.Position(storage);
  if (position == kNoStorage) return false;
  const datastore::Replica& replica = repository.books.replicas[position];
  return replica.row && !replica.suspect && replica.generation != datastore::kNoClaim &&
         replica.job.state != datastore::JobState::kParked &&
         replica.job.state != datastore::JobState::kLingering &&
         replica.job.kind == datastore::JobKind::kCopy;
}

// The first that may take over, proven ones first; empty: none.
std::string Best(const nodes::VirtualStorage& virtual_storage, const Repository& repository) {
  std::string best;
  for (const nodes::Node& node : virtual_storage.nodes) {
    if (!IsAssigned(repository, node.storage)) continue;
    if (!MayTakeOver(virtual_storage, repository, node.storage)) continue;
    if (IsVerified(repository, node.storage)) return node.storage;
    if (best.empty()) best = node.storage;
  }
  return best;
}

// The storages that hold every acknowledged write, healthy or not; "none" for people.
std::string Holders(const Repository& repository) {
  std::string text;
  for (size_t i = 0; i < repository.storages.size(); ++i) {
    if (!IsComplete(repository.books, static_cast<int>(i))) continue;
    text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", repository.storages[i]);
  }
  return text.empty() ? "none" : text;
}

// What keeps the present primary from taking writes, for people.
std::string WhyNot(const nodes::VirtualStorage& virtual_storage, const Repository& repository) {
  if (repository.books.primary == kNoStorage) return "the repository has none";
  const std::string name = repository.Name(repository.books.primary);
  const nodes::Node* node = virtual_storage.Find(name);
  if (node == nullptr) return fmt::format("storage \"{}\" is not configured", name);
  const std::string& why = node->routable() ? node->disk.text : node->reason;
  return fmt::format("node \"{}\" at {}: {}", name, node->address_text,
                     why.empty() ? "unhealthy" : why);
}

// `storage` (empty: any) does not take over. It may later, by itself, when it holds all.
Refusal Nobody(const nodes::VirtualStorage& virtual_storage, const Repository& repository,
               const std::string& storage) {
  const std::string why = "primary is not healthy: " + WhyNot(virtual_storage, repository);
  const std::string holders = Holders(repository);
  const std::string hint = fmt::format(
      "repository {}: all acknowledged writes are on: {}; `praefect metadata "
      "-repository-id {}` tells how far the others are",
      repository.id, holders, repository.id);
  const int position = storage.empty() ? kNoStorage : repository.Position(storage);
  const bool complete = storage.empty()
                            ? holders != "none"
                            : position != kNoStorage && IsComplete(repository.books, position);
  if (complete) {
    return {absl::StatusCode::kUnavailable,
            fmt::format(
                "{}; {} cannot take over now, try again", why,
                storage.empty() ? "who holds all of it" : fmt::format("storage \"{}\"", storage)),
            "no_primary", hint};
  }
  return {absl::StatusCode::kFailedPrecondition,
          fmt::format("{}; {} not hold every acknowledged write of the repository: bring one back "
                      "that does ({}), or designate it as the primary",
                      why,
                      storage.empty()
                          ? "the replicas do"
                          : fmt::format("storage \"{}\", which is designated now, does", storage),
                      holders),
          "designated_incomplete", hint};
}

PrimaryChoice Promote(const Repository& repository, const std::string& storage) {
  return {.kind = PrimaryChoice::kPromoted,
          .storage = storage,
          .unproven = !IsVerified(repository, storage)};
}

}  // namespace

bool MayMoveNow(const Repository& repository, const std::string& storage) {
  const int position = repository.Position(storage);
  return position != kNoStorage && repository.books.intents.empty() &&
         MayPromote(repository.books, position) && IsCurrent(repository.books, position) &&
         repository.books.replicas[position].verified;
}

PrimaryChoice ChoosePrimary(const nodes::VirtualStorage& virtual_storage,
                            const Repository& repository) {
  const std::string primary = repository.Name(repository.books.primary);
  const std::string& designated = virtual_storage.designated;
  const nodes::Node* node = primary.empty() ? nullptr : virtual_storage.Find(primary);
  const bool takes_writes = node != nullptr && node->writable();
  if (takes_writes) {
    const bool moves =
        !designated.empty() && designated != primary && IsAssigned(repository, designated) &&
        TakesWrites(virtual_storage.Find(designated)) && CatchesUp(repository, designated);
    if (!moves) return {};
    return {.kind = PrimaryChoice::kMoves, .storage = designated};
  }
  if (!primary.empty() && (designated.empty() || designated == primary)) return {};
  // What was never compared takes over only where nothing else could.
  if (!designated.empty() && IsAssigned(repository, designated) &&
      MayTakeOver(virtual_storage, repository, designated)) {
    const std::string best = Best(virtual_storage, repository);
    if (IsVerified(repository, designated) || best.empty() || !IsVerified(repository, best)) {
      return Promote(repository, designated);
    }
  }
  const bool anybody =
      primary.empty() || (!designated.empty() && !IsAssigned(repository, designated));
  if (!anybody) {
    const nodes::Node* next = virtual_storage.Find(designated);
    if (next != nullptr && !next->routable()) {
      return {.kind = PrimaryChoice::kNobody,
              .refusal = Unavailable(*next, "primary is not healthy", "primary_not_healthy")};
    }
    return {.kind = PrimaryChoice::kNobody,
            .refusal = Nobody(virtual_storage, repository, designated)};
  }
  if (const std::string best = Best(virtual_storage, repository); !best.empty()) {
    return Promote(repository, best);
  }
  return {.kind = PrimaryChoice::kNobody, .refusal = Nobody(virtual_storage, repository, "")};
}

}  // namespace praefect::routing
