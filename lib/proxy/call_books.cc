// The part of a call that is about the books: where its repository is, and that a write is recorded
// before it is sent and settled before its OK.

#include <absl/strings/str_cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/call.h"
#include "proxy/worker.h"

namespace praefect::proxy {

using datastore::End;
using datastore::Opened;
using datastore::Routed;
using datastore::Told;
using http2::StatusCode;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// A RepositoryExistsResponse that says yes.
constexpr std::string_view kItExists("\x08\x01", 2);
constexpr std::string_view kInfoRefsReceivePack = "/gitaly.SmartHTTPService/InfoRefsReceivePack";
// Of these a message after the first is taken for success.
constexpr std::string_view kMergeBranch = "/gitaly.OperationService/UserMergeBranch";
constexpr std::string_view kRebaseConfirmable = "/gitaly.OperationService/UserRebaseConfirmable";

routing::Refusal DatabaseAway(const Routed& routed, std::string_view what) {
  return {absl::StatusCode::kUnavailable,
          absl::StrCat(absl::string_view(what.data(), what.size()),
                       " while Praefect's database does not answer, try again"),
          "database_away", routed.error ? routed.error->message : ""};
}

// A name that cannot be a key is of nothing that the books know.
bool Failed(const Routed& routed) {
  return routed.error.has_value() && routed.error->layer != db::Layer::kArgument;
}

routing::Refusal NotKept(Told told) {
  switch (told) {
    case Told::kGone:
      return {absl::StatusCode::kUnavailable,
              "the call may have been applied, and is not kept: the repository is being removed",
              "not_kept", ""};
    case Told::kUnrecorded:
      return {absl::StatusCode::kUnavailable,
              "the call was applied, and could not be recorded yet: it is kept unless its node is "
              "lost before",
              "not_recorded_in_time", "replication.settle_timeout; look at the database"};
    default:
      return {absl::StatusCode::kUnavailable,
              "the call may have been applied, and is not kept: the repository's primary changed "
              "meanwhile; try again",
              "not_kept", ""};
  }
}

}  // namespace

// ---- where the repository is ----------------------------------------------------------------

void Call::AskBooks(std::string_view message, bool has_message,
                    const gitaly::RequestTarget& target) {
  if (RouteKnownRead(message, has_message, target)) return;
  booking_ = std::make_unique<Booking>(*this);
  booking_->collected = std::move(collecting_);
  booking_->message = message;
  booking_->has_message = has_message;
  booking_->target = target;
  FindRoutes();
}

// Most calls: a read of a repository whose route this worker knows. Costs no lock and no memory.
bool Call::RouteKnownRead(std::string_view message, bool has_message,
                          const gitaly::RequestTarget& target) {
  const bool read = method_->operation != gitaly::Operation::kMutator &&
                    !target.additional.present && method_->path != kInfoRefsReceivePack;
  const datastore::Route* known =
      read ? worker_.routes().Find(target.target.storage_name, target.target.relative_path)
           : nullptr;
  if (known == nullptr) return false;
  auto choice = routing::ChooseByBooks(*snapshot_, *method_, target, {known->get()}, false);
  if (std::holds_alternative<routing::NeedsName>(choice)) return false;
  repository_id_ = (*known)->id;
  if (method_->naming == gitaly::Naming::kAsks) return AnswerMessage(kItExists), true;
  auto* chosen = std::get_if<routing::Route>(&choice);
  if (chosen == nullptr) {
    Refuse(std::get<routing::Refusal>(std::move(choice)));
  } else if (TakeRoute(std::move(*chosen), message, has_message)) {
    Dispatch(route_);
  }
  return true;
}

void Call::FindRoutes() {
  const gitaly::RequestTarget target = booking_->target;  // the last answer may end the booking
  booking_->awaited = target.additional.present ? 2 : 1;
  FindRoute(0, target.target);
  if (target.additional.present) FindRoute(1, target.additional);
}

void Call::FindRoute(size_t which, const gitaly::RepositoryRef& repository) {
  const auto* known = worker_.routes().Find(repository.storage_name, repository.relative_path);
  if (known != nullptr) return RouteFound(which, {.route = *known, .cached = true});
  const datastore::RepositoryName name{std::string(repository.storage_name),
                                       std::string(repository.relative_path)};
  worker_.shared().books.keeper->Find(
      name, [which, link = booking_->link, mailbox = worker_.mailbox()](Routed routed) {
        mailbox->Run([which, link, routed = std::move(routed)]() mutable {
          if (link->call != nullptr) link->call->RouteFound(which, std::move(routed));
        });
      });
}

void Call::RouteFound(size_t which, Routed routed) {
  if (routed.route != nullptr && !routed.stale) worker_.routes().Remember(routed.route);
  booking_->routed[which] = std::move(routed);
  if (--booking_->awaited == 0 && !answered_) ChooseByBooks();
}

void Call::ChooseByBooks() {
  const Routed& target = booking_->routed[0];
  const Routed& additional = booking_->routed[1];
  const bool writes = IsRecorded(target);
  for (const Routed* routed : {&target, &additional}) {
    if (!Failed(*routed)) continue;
    if (writes) return Refuse(DatabaseAway(*routed, "nothing is written"));
    if (routed->route == nullptr) {
      return Refuse(DatabaseAway(*routed, "the repository cannot be found"));
    }
  }
  if (target.stale || additional.stale) {
    worker_.shared().metrics.stale_routes.Increment();
    stale_route_ = true;
  }
  if (target.route != nullptr) repository_id_ = target.route->id;

  snapshot_ = worker_.snapshot();
  auto choice = routing::ChooseByBooks(
      *snapshot_, *method_, booking_->target,
      {target.route.get(), additional.route.get(), booking_->primary_stays}, writes);
  if (std::holds_alternative<routing::NeedsName>(choice)) return DecideName();
  if (const auto* needs = std::get_if<routing::NeedsPrimary>(&choice)) {
    return AskPrimary(needs->planned);
  }
  if (method_->naming == gitaly::Naming::kAsks) return AnswerMessage(kItExists);
  if (auto* refusal = std::get_if<routing::Refusal>(&choice)) return Refuse(std::move(*refusal));
  if (!TakeRoute(std::get<routing::Route>(std::move(choice)), booking_->message,
                 booking_->has_message)) {
    return;
  }
  if (!writes) {
    booking_.reset();
    return Dispatch(route_);
  }
  OpenWrite();
}

// Maintenance, which goes to the primary, is meant for every replica.
void Call::TidyOthers(std::string_view message) {
  if (repository_id_ == 0) return;
  Caretaker& caretaker = *worker_.shared().books.caretaker;
  tidies_ = caretaker.Begin(repository_id_, route_.node->storage);
  caretaker.TidyOthers({.repository_id = repository_id_,
                        .method = method_,
                        .message = std::string(message),
                        .storage = route_.node->storage,
                        .correlation_id = correlation_id_});
}

// A push over HTTP that is retried asks what is there, and may succeed by that answer alone.
bool Call::IsRecorded(const Routed& target) const {
  if (method_->operation == gitaly::Operation::kMutator) return true;
  return method_->path == kInfoRefsReceivePack && target.route != nullptr &&
         worker_.shared().books.keeper->HasOpenWrites(*target.route);
}

// ---- a write before it is sent --------------------------------------------------------------

void Call::OpenWrite() {
  const datastore::Repository& repository = *booking_->routed[0].route;
  datastore::OpenRequest request;
  request.repository_id = repository.id;
  request.name = {std::string(booking_->target.target.storage_name),
                  std::string(booking_->target.target.relative_path)};
  request.storage = route_.node->storage;
  request.term = repository.books.term;
  const datastore::Route& additional = booking_->routed[1].route;
  if (additional != nullptr) request.additional_repository_id = additional->id;
  const milliseconds timeout =
      std::min(TimeLeft().value_or(Booking::kOpenTimeout), Booking::kOpenTimeout);

  datastore::Bookkeeper& bookkeeper = *worker_.shared().books.keeper;
  bookkeeper.Open(
      std::move(request), db::After(timeout),
      [link = booking_->link, mailbox = worker_.mailbox(), &bookkeeper](Opened opened) {
        // From here on it is told that it never left, should nobody take it.
        std::shared_ptr<RecordedWrite> write;
        if (opened.result == Opened::kRecorded) {
          write = std::make_shared<RecordedWrite>(bookkeeper, std::move(opened.write));
        }
        mailbox->Run([link, write = std::move(write), opened = std::move(opened)]() mutable {
          if (link->call != nullptr) link->call->WriteOpened(opened, std::move(write));
        });
      });
}

void Call::WriteOpened(const Opened& opened, std::shared_ptr<RecordedWrite> write) {
  if (answered_) return;
  switch (opened.result) {
    case Opened::kRouteAnew:
      return RouteAnew();
    case Opened::kUnavailable:
      return Refuse({absl::StatusCode::kUnavailable, opened.why, "not_recorded", ""});
    case Opened::kRecorded:
      break;
  }
  booking_->write = std::move(write);
  intent_ = booking_->write->record().intent;
  if (method_->path == kMergeBranch || method_->path == kRebaseConfirmable) {
    booking_->held.emplace();
  }
  Dispatch(route_);
}

void Call::RouteAnew() {
  if (booking_->reroutes++ < Booking::kMaxReroutes) return FindRoutes();
  worker_.shared().metrics.HitLimit("reroutes");
  Refuse({absl::StatusCode::kUnavailable,
          "the repository's primary or name changed while the call was recorded, try again",
          "route_changed", ""});
}

// It took so long to come here that the write would not be let through.
bool Call::OpensAgain() {
  if (booking_ == nullptr || booking_->write == nullptr || booking_->write->InTime()) return false;
  std::exchange(booking_->write, nullptr)->Abandon();
  RouteAnew();
  return true;
}

std::shared_ptr<const http2::SendGate> Call::Gate() const {
  return booking_ == nullptr ? nullptr : booking_->write;
}

// ---- its end --------------------------------------------------------------------------------

// True: the node's OK is told, or replaced, when it is settled.
bool Call::AwaitsSettlement() {
  if (booking_ == nullptr || booking_->write == nullptr || booking_->told.has_value()) return false;
  if (code_ != StatusCode::kOk) {
    // Of a creation, a node's own word that something is there says that it made nothing.
    const bool untouched = booking_->write->record().creates && code_ == StatusCode::kAlreadyExists;
    booking_->write->Finish(untouched ? End::kNeverSent : End::kAnswered);
    return false;
  }
  booking_->settle_begun = steady_clock::now();
  booking_->write->Settle([link = booking_->link, mailbox = worker_.mailbox()](Told told) {
    mailbox->Run([link, told] {
      if (link->call != nullptr) link->call->WriteSettled(told);
    });
  });
  return true;
}

void Call::WriteSettled(Told told) {
  booking_->told = told;
  settle_time_ = steady_clock::now() - booking_->settle_begun;
  if (answered_) return;
  if (told != Told::kAcknowledged) return Refuse(NotKept(told));
  if (booking_->held.has_value()) {
    http2::SliceQueue held = booking_->held->Release();
    while (!held.empty()) {
      http2::Slice slice = held.front();
      held.Consume(slice.size());
      client_->SendData(std::move(slice));
    }
  }
  ForwardEnd();
}

// The part of the node's data that its client may have now.
http2::Slice Call::Hold(http2::Slice data) {
  const bool holds = booking_ != nullptr && booking_->held.has_value();
  return holds ? booking_->held->Take(std::move(data)) : data;
}

// Its stream was closed by the node, or for what the node said on it.
void Call::EndClosedWrite(const http2::StreamClosure& closure, http2::Connection& connection) {
  if (booking_ == nullptr || booking_->write == nullptr) return;
  if (!closure.never_taken && !closure.connection_lost) return EndDroppedWrite(&connection);
  std::exchange(booking_->write, nullptr)
      ->Finish(closure.never_taken ? End::kNeverSent : End::kLost);
}

// `connection`: where its stream was reset just now; nullptr: there was none.
void Call::EndDroppedWrite(http2::Connection* connection) {
  if (booking_ == nullptr || booking_->write == nullptr) return;
  auto write = std::exchange(booking_->write, nullptr);
  if (connection == nullptr) return write->Abandon();
  RecordedWrite::FinishAfterReset(std::move(write), *connection, *route_.node);
}

// The client left or is told that it is too late, but the node has sent its result: it is not
// cancelled.
void Call::LeaveWrite() {
  const bool has_result = node_ != nullptr && !node_done_ && booking_ != nullptr &&
                          booking_->write != nullptr && booking_->held.has_value() &&
                          !booking_->held->empty();
  if (!has_result) return;
  worker_.left_calls().Add(*std::exchange(node_, nullptr), std::exchange(booking_->write, nullptr),
                           snapshot_, *route_.node, client_ended_);
}

void Call::EndInstance(int64_t instance) {
  const bool of_it = !answered_ && booking_ != nullptr && booking_->write != nullptr &&
                     booking_->write->record().instance == instance && !booking_->write->ended();
  if (!of_it) return;
  client_->DropUnsent();
  Refuse(
      {absl::StatusCode::kUnavailable,
       "the call may have been applied, and is not kept: this Praefect lost its database for too "
       "long; try again",
       "disowned", "look at the database, and at what held this process up"});
}

}  // namespace praefect::proxy
