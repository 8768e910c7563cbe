// The part of a call whose answer tells names: clients see none that only nodes know.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/call.h"
#include "proxy/worker.h"

namespace praefect::proxy {

using http2::StatusCode;
using std::chrono::milliseconds;

// ---- WalkRepos --------------------------------------------------------------------------------

bool Call::ListRepositories(const gitaly::RequestTarget& target) {
  if (method_->naming != gitaly::Naming::kLists) return false;
  if (snapshot_->Find(target.storage_name) == nullptr) return false;  // refused without questions
  booking_ = std::make_unique<Booking>(*this);
  booking_->collected = std::move(collecting_);
  const milliseconds most = NodeClient::kWalkTimeout;
  worker_.shared().books.clerk->List(std::string(target.storage_name),
                                     db::After(std::min(TimeLeft().value_or(most), most)),
                                     Decided());
  return true;
}

void Call::BeginListing(std::deque<std::string> pieces) {
  pending_.Clear();
  booking_->listing.emplace(std::move(pieces), worker_.shared().memory);
  CountHeld(booking_->listing->bytes());
  if (RefuseIfFull()) return;
  SendOkHeaders();
  SendListing();
}

// A piece at a time, so that a slow client holds no more than that in its stream.
void Call::SendListing() {
  if (answered_ || client_->queued_bytes() > 0) return;
  if (!booking_->listing->empty()) {
    http2::Slice piece = booking_->listing->Next(worker_.buffers().packed);
    response_bytes_ += piece.size();
    response_messages_.Follow(piece.data(), piece.size());
    client_->SendData(std::move(piece));
  }
  if (booking_->listing->empty()) SendOk();
}

// ---- GetObjectPool ----------------------------------------------------------------------------

void Call::TakePool(const http2::Slice& data) {
  if (pool_->Append(data)) return;
  Answer(StatusCode::kInternal,
         fmt::format("{} answered with more than one message of {} bytes at most",
                     NodeName(route_.node), PoolAnswer::kMaxBytes));
}

// True: the node's OK is told once the pool's name is known, or replaced.
bool Call::AwaitsPoolName() {
  if (pool_ == nullptr || code_ != StatusCode::kOk) return false;
  if (!pool_->Read()) {
    Answer(StatusCode::kInternal,
           fmt::format("{}'s answer is no message of Gitaly's", NodeName(route_.node)));
    return true;
  }
  const std::string place = pool_->place();
  if (place.empty()) {
    SendPool();
    return false;
  }
  booking_ = std::make_unique<Booking>(*this);
  worker_.shared().books.clerk->NameOf({virtual_storage_, place}, NameDeadline(), Decided());
  return true;
}

// A pool that is being removed has no name. Gitaly tells of none that is gone, either.
void Call::PoolNamed(const std::string& name) {
  if (name.empty()) {
    pool_->NameNone();
  } else {
    pool_->Name(virtual_storage_, name);
  }
  SendPool();
  ForwardEnd();
}

void Call::SendPool() {
  http2::Slice message = MakeMessage(worker_.buffers().control, pool_->message());
  CountHeld(message.size());
  client_->SendData(std::move(message));
  pool_.reset();
}

}  // namespace praefect::proxy
