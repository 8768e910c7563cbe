// The part of a call that waits until its repository has the primary that it is to have.

#include <utility>

#include "proxy/call.h"
#include "proxy/worker.h"

namespace praefect::proxy {

void Call::AskPrimary(bool planned) {
  const int64_t id = booking_->routed[0].route->id;
  worker_.shared().books.promoter->Ask(
      id, planned, [link = booking_->link, mailbox = worker_.mailbox()](Promoter::Answer answer) {
        mailbox->Run([link, answer = std::move(answer)]() mutable {
          if (link->call != nullptr) link->call->PrimaryDecided(std::move(answer));
        });
      });
}

void Call::PrimaryDecided(Promoter::Answer answer) {
  if (answered_) return;
  switch (answer.kind) {
    case Promoter::Answer::kMoved:
      return RouteAnew();
    case Promoter::Answer::kStays:
      booking_->primary_stays = true;
      return FindRoutes();
    case Promoter::Answer::kRefused:
      return Refuse(std::move(answer.refusal));
  }
}

}  // namespace praefect::proxy
