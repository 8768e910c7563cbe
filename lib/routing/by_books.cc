// The choice by the books: which replica of a known repository.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "datastore/rules.h"
#include "routing/primaries.h"
#include "routing/refusals.h"
#include "routing/route.h"

namespace praefect::routing {
namespace {

using datastore::Repository;
using datastore::RepositoryState;
using Choice = BookedChoice;

// It ends a name or a repository, on every node that has it.
bool ChangesNames(const gitaly::Method& method) {
  return method.naming == gitaly::Naming::kRemoves || method.naming == gitaly::Naming::kRenames;
}

bool IsLive(const Repository* repository) {
  return repository != nullptr && repository->books.state == RepositoryState::kLive;
}

// Empty: there is none.
std::string_view PrimaryOf(const Repository& repository) {
  const int primary = repository.books.primary;
  return primary < 0 ? std::string_view() : repository.storages[static_cast<size_t>(primary)];
}

Refusal NoPrimary(const Repository& repository) {
  const std::string_view storage = PrimaryOf(repository);
  return {
      absl::StatusCode::kUnavailable,
      storage.empty()
          ? "primary is not healthy: the repository has none"
          : fmt::format("primary is not healthy: storage \"{}\" is not configured", storage),
      "no_primary",
      fmt::format("configure its storage again, or designate one that holds all of it: `praefect "
                  "metadata -repository-id {}` tells who does",
                  repository.id)};
}

Refusal NotCurrent(const Repository& repository, const nodes::Node& node, std::string_view what) {
  return {
      absl::StatusCode::kUnavailable,
      fmt::format("{} is not up to date on node \"{}\" yet, try again", what, node.storage),
      "replica_not_current",
      fmt::format("repository {} waits for a copy to storage \"{}\": `praefect status` tells what "
                  "keeps it from coming",
                  repository.id, node.storage)};
}

bool IsCurrentOn(const Repository& repository, const std::string& storage) {
  const int position = repository.Position(storage);
  return position != datastore::kNoStorage && IsCurrent(repository.books, position);
}

Route To(const nodes::Node& node, const gitaly::RequestTarget& request, const Booked& booked) {
  Route route;
  route.node = &node;
  route.rewrite.storage_name = node.storage;
  const auto differs = [](const Repository* repository, const gitaly::RepositoryRef& asked) {
    return repository != nullptr && repository->replica_path != asked.relative_path;
  };
  if (differs(booked.target, request.target)) {
    route.rewrite.target_relative_path = booked.target->replica_path;
  }
  if (request.additional.present && differs(booked.additional, request.additional)) {
    route.rewrite.additional_relative_path = booked.additional->replica_path;
  }
  return route;
}

// A complete replica: one that is current first, then one whose node does not fail calls, then in
// file order. The place where reads are to be spread.
const nodes::Node* ReplicaToRead(const nodes::VirtualStorage& virtual_storage,
                                 const Repository& repository) {
  const nodes::Node* best = nullptr;
  int best_rank = -1;
  for (const nodes::Node& node : virtual_storage.nodes) {
    const int position = repository.Position(node.storage);
    if (position == datastore::kNoStorage || !node.routable()) continue;
    if (!MayReadWithoutPrimary(repository.books, position)) continue;
    const int rank =
        (IsCurrent(repository.books, position) ? 2 : 0) + (node.degraded.empty() ? 1 : 0);
    if (rank > best_rank) best = &node;
    best_rank = std::max(rank, best_rank);
  }
  return best;
}

// Most writes: no other replica is thought of.
bool IsAsDesignated(const nodes::VirtualStorage& virtual_storage, const nodes::Node* primary) {
  const std::string& designated = virtual_storage.designated;
  return primary != nullptr && primary->writable() &&
         (designated.empty() || designated == primary->storage);
}

// nullopt: the primary stays.
std::optional<Choice> AnotherPrimary(const nodes::VirtualStorage& virtual_storage,
                                     const Booked& booked) {
  PrimaryChoice choice = ChoosePrimary(virtual_storage, *booked.target);
  switch (choice.kind) {
    case PrimaryChoice::kStays:
      return std::nullopt;
    case PrimaryChoice::kMoves:
      if (booked.primary_stays) return std::nullopt;
      return NeedsPrimary{true};
    case PrimaryChoice::kPromoted:
      if (!booked.primary_stays) return NeedsPrimary{false};
      return Refusal{
          absl::StatusCode::kUnavailable,
          fmt::format("primary is not healthy: storage \"{}\" is to take over, try again",
                      choice.storage),
          "no_primary",
          fmt::format(
              "look for repository {} in Praefect's log, and at `praefect status`, for what "
              "keeps it from that",
              booked.target->id)};
    case PrimaryChoice::kNobody:
      return std::move(choice.refusal);
  }
  return std::nullopt;
}

Choice ToWrite(const nodes::VirtualStorage& virtual_storage, const gitaly::RequestTarget& request,
               const Booked& booked) {
  const Repository& target = *booked.target;
  const datastore::Books& books = target.books;
  const nodes::Node* primary = virtual_storage.Find(PrimaryOf(target));
  if (!IsAsDesignated(virtual_storage, primary)) {
    if (auto another = AnotherPrimary(virtual_storage, booked)) return *std::move(another);
  }
  if (primary == nullptr) return NoPrimary(target);
  if (!primary->routable()) {
    return Unavailable(*primary, "primary is not healthy", "primary_not_healthy");
  }
  if (!primary->writable()) return NotWritable(*primary);
  if (!MayOpen(books, books.primary, books.term)) {
    return NotCurrent(target, *primary, "the repository");
  }
  if (request.additional.present && !IsCurrentOn(*booked.additional, primary->storage)) {
    return NotCurrent(*booked.additional, *primary, "the additional repository");
  }
  return To(*primary, request, booked);
}

Choice ToRead(const nodes::VirtualStorage& virtual_storage, const gitaly::Method& method,
              const gitaly::RequestTarget& request, const Booked& booked) {
  const Repository& target = *booked.target;
  const nodes::Node* node = virtual_storage.Find(PrimaryOf(target));
  const nodes::Node* primary = node;
  const bool elsewhere = primary == nullptr || !primary->routable();
  if (elsewhere && method.operation == gitaly::Operation::kAccessor) {
    node = ReplicaToRead(virtual_storage, target);
  }
  if (node != nullptr && node->routable()) return To(*node, request, booked);
  if (primary == nullptr) return NoPrimary(target);
  return Unavailable(*primary, "primary is not healthy", "primary_not_healthy");
}

}  // namespace

Choice ChooseByBooks(const nodes::Snapshot& snapshot, const gitaly::Method& method,
                     const gitaly::RequestTarget& target, const Booked& booked, bool writes) {
  if (!IsLive(booked.target) || ChangesNames(method)) return NeedsName{};
  if (writes && target.additional.present && !IsLive(booked.additional)) return NeedsName{};
  const nodes::VirtualStorage& storage = *snapshot.Find(target.target.storage_name);
  return writes ? ToWrite(storage, target, booked) : ToRead(storage, method, target, booked);
}

}  // namespace praefect::routing
