// The part of a call that is about which repositories there are: what the books do not know, and
// what creates, removes or renames.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gitaly/namespace.pb.h"
#include "gitaly/repository.pb.h"
#include "proxy/call.h"
#include "proxy/worker.h"

namespace praefect::proxy {

using http2::StatusCode;
using std::chrono::milliseconds;

namespace {

// A directory of repositories as clients write it: without a slash at its ends.
std::optional<std::string> Directory(std::string_view name) {
  while (name.ends_with('/')) name.remove_suffix(1);
  const std::string within = fmt::format("/{}/", name);
  if (name.empty() || within.find("//") != within.npos || within.find("/../") != within.npos) {
    return std::nullopt;
  }
  return std::string(name);
}

template <class Request>
std::optional<Request> Parse(std::string_view message) {
  Request request;
  const bool parsed = request.ParseFromArray(message.data(), static_cast<int>(message.size()));
  return parsed ? std::optional(std::move(request)) : std::nullopt;
}

}  // namespace

// On the nodes these would move or delete, below a name, what lies there under other names.
bool Call::DecideNamespace(std::string_view message, const gitaly::RequestTarget& target) {
  const bool removes = method_->path == "/gitaly.NamespaceService/RemoveNamespace";
  const bool renames = method_->path == "/gitaly.NamespaceService/RenameNamespace";
  if (!removes && !renames) return false;
  if (snapshot_->Find(target.storage_name) == nullptr) return false;  // refused without questions
  std::optional<std::string> from, to;
  if (const auto request = Parse<::gitaly::RemoveNamespaceRequest>(message); removes && request) {
    from = Directory(request->name());
  }
  if (const auto request = Parse<::gitaly::RenameNamespaceRequest>(message); renames && request) {
    from = Directory(request->from());
    to = Directory(request->to());
  }
  if (!from || (renames && !to)) {
    Refuse({absl::StatusCode::kInvalidArgument, "name: cannot be empty, nor have empty parts",
            "namespace_not_set", ""});
    return true;
  }
  booking_ = std::make_unique<Booking>(*this);
  booking_->collected = std::move(collecting_);
  const Clerk::Name directory{std::string(target.storage_name), *std::move(from)};
  Clerk& clerk = *worker_.shared().books.clerk;
  if (removes) {
    clerk.RemoveNamespace(directory, NameDeadline(), Decided());
  } else {
    clerk.RenameNamespace(directory, *std::move(to), NameDeadline(), Decided());
  }
  return true;
}

db::Deadline Call::NameDeadline() const {
  return db::After(std::min(TimeLeft().value_or(Booking::kNameTimeout), Booking::kNameTimeout));
}

// `booking_` holds what the books know.
void Call::DecideName() {
  // Only what is made has to be made on the designated storage.
  if (method_->naming == gitaly::Naming::kCreates) {
    auto configured = routing::Choose(*snapshot_, *method_, booking_->target);
    if (auto* refusal = std::get_if<routing::Refusal>(&configured)) {
      return Refuse(std::move(*refusal));
    }
  }
  if (booking_->decisions++ >= Booking::kMaxDecisions) {
    worker_.shared().metrics.HitLimit("name_decisions");
    return Refuse({absl::StatusCode::kAborted,
                   "the repository was created, removed or renamed meanwhile, try again",
                   "name_changed", ""});
  }
  const gitaly::RequestTarget& target = booking_->target;
  const auto named = [](const gitaly::RepositoryRef& repository) {
    return Clerk::Name{std::string(repository.storage_name), std::string(repository.relative_path)};
  };
  const db::Deadline deadline = NameDeadline();
  Clerk& clerk = *worker_.shared().books.clerk;
  const bool writes = method_->operation == gitaly::Operation::kMutator;
  const bool additional_unknown = target.additional.present && booking_->routed[1].route == nullptr;
  const gitaly::RepositoryRef& asked =
      writes && additional_unknown ? target.additional : target.target;
  booking_->asked = asked.relative_path;
  if (writes && additional_unknown) return clerk.Adopt(named(asked), deadline, Decided());
  switch (method_->naming) {
    case gitaly::Naming::kCreates:
      return clerk.Create(named(asked), deadline, Decided());
    case gitaly::Naming::kRemoves:
      return clerk.Remove(named(asked), deadline, Decided());
    case gitaly::Naming::kRenames: {
      const auto request = Parse<::gitaly::RenameRepositoryRequest>(booking_->message);
      const std::string to = request ? request->relative_path() : "";
      if (to.empty()) {
        return Refuse({absl::StatusCode::kInvalidArgument, "destination relative path is empty",
                       "path_not_set", ""});
      }
      return clerk.Rename(named(asked), to, deadline, Decided());
    }
    case gitaly::Naming::kAsks:
    case gitaly::Naming::kLists:
    case gitaly::Naming::kNamesPool:
    case gitaly::Naming::kNone:
      break;
  }
  if (writes) return clerk.Adopt(named(asked), deadline, Decided());
  clerk.Locate(named(asked), deadline, Decided());
}

// The answer may come when the call is over: a creation is then told that it never left.
Clerk::Done Call::Decided() {
  return [link = booking_->link, mailbox = worker_.mailbox(),
          keeper = worker_.shared().books.keeper](Decision decision) {
    std::shared_ptr<RecordedWrite> write;
    if (decision.kind == Decision::kRecorded) {
      write = std::make_shared<RecordedWrite>(*keeper, std::move(decision.write));
    }
    mailbox->Run([link, write = std::move(write), decision = std::move(decision)]() mutable {
      if (link->call != nullptr) link->call->NameDecided(std::move(decision), std::move(write));
    });
  };
}

void Call::NameDecided(Decision decision, std::shared_ptr<RecordedWrite> write) {
  if (answered_) return;
  switch (decision.kind) {
    case Decision::kRecorded:
      booking_->write = std::move(write);
      return SendCreation(std::move(decision));
    case Decision::kKnown:
      return FindRoutes();
    case Decision::kElsewhere:
      return ReadElsewhere(decision.storage);
    case Decision::kDone:
      return AnswerMessage("");
    case Decision::kListed:
      return BeginListing(std::move(decision.listing));
    case Decision::kNamed:
      return PoolNamed(decision.name);
    case Decision::kNotFound:
      return AnswerNotFound();
    case Decision::kRefused:
      return Refuse(std::move(decision.refusal));
  }
}

// Of the virtual storage that the client named, as it is now; nullptr: it left the configuration.
const nodes::Node* Call::FindStorage(const std::string& storage) {
  snapshot_ = worker_.snapshot();
  const nodes::VirtualStorage* found = snapshot_->Find(virtual_storage_);
  return found == nullptr ? nullptr : found->Find(storage);
}

void Call::SendCreation(Decision decision) {
  booking_->place = std::move(decision.replica_path);
  intent_ = booking_->write->record().intent;
  repository_id_ = booking_->write->record().repository_id;
  routing::Route route;
  route.node = FindStorage(decision.storage);
  if (route.node == nullptr) {
    return Refuse(
        {absl::StatusCode::kUnavailable,
         fmt::format("storage \"{}\" left the configuration, try again", decision.storage),
         "node_left", ""});
  }
  route.rewrite.storage_name = route.node->storage;
  route.rewrite.target_relative_path = booking_->place;
  if (const datastore::Route& additional = booking_->routed[1].route; additional != nullptr) {
    route.rewrite.additional_relative_path = additional->replica_path;
  }
  if (TakeRoute(std::move(route), booking_->message, booking_->has_message)) Dispatch(route_);
}

void Call::ReadElsewhere(const std::string& storage) {
  routing::Route route;
  route.node = FindStorage(storage);
  if (route.node == nullptr) return AnswerNotFound();
  route.rewrite.storage_name = route.node->storage;
  const auto booking = std::move(booking_);
  if (TakeRoute(std::move(route), booking->message, booking->has_message)) Dispatch(route_);
}

// As the Go Praefect answers: whoever asks whether it exists is told so, deleting a pool that is
// not there is no error.
void Call::AnswerNotFound() {
  if (method_->naming == gitaly::Naming::kAsks) return AnswerMessage("");
  if (method_->path == "/gitaly.ObjectPoolService/DeleteObjectPool") return AnswerMessage("");
  Refuse({absl::StatusCode::kNotFound,
          fmt::format("repository does not exist: \"{}\"", booking_->asked), "not_found", ""});
}

}  // namespace praefect::proxy
