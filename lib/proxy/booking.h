#pragma once

// What a call keeps while the books are asked about it, and while they have it recorded.

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "datastore/routes.h"
#include "gitaly/target.h"
#include "proxy/first_message.h"
#include "proxy/held_answer.h"
#include "proxy/listing.h"
#include "proxy/recorded_write.h"

namespace praefect::proxy {

class Call;

struct Booking {
  // How often a call is routed anew, because the books or the send window went on meanwhile.
  static constexpr int kMaxReroutes = 2;
  // How often the clerk is asked: target and additional repository may both have to be taken over,
  // and somebody else may be quicker.
  static constexpr int kMaxDecisions = 4;
  // How long a decision over a name may take.
  static constexpr std::chrono::milliseconds kNameTimeout{30'000};
  // How long an open may take; one that takes longer is no use, for the send window begins with it.
  static constexpr std::chrono::milliseconds kOpenTimeout{5'000};

  // Answers may come when the call is over: they find it through this.
  struct Link {
    Call* call;
  };
  explicit Booking(Call& call) : link(std::make_shared<Link>(Link{&call})) {}
  ~Booking() { link->call = nullptr; }
  Booking(const Booking&) = delete;
  Booking& operator=(const Booking&) = delete;

  const std::shared_ptr<Link> link;

  // The first message, for as long as it may have to be rewritten for another route.
  std::unique_ptr<FirstMessage> collected;
  std::string_view message;  // in it
  bool has_message = false;
  gitaly::RequestTarget target;  // in it

  std::string place;  // of a repository that is being created

  std::array<datastore::Routed, 2> routed;  // of target and additional repository
  int awaited = 0;                          // of them
  int reroutes = 0;
  bool primary_stays = false;  // for now, although another one is designated
  int decisions = 0;           // asked of the clerk
  std::string_view asked;      // the path that the last one was about, in the first message

  std::optional<Listing> listing;  // that is being sent

  std::shared_ptr<RecordedWrite> write;  // from its open until its end was told
  std::optional<HeldAnswer> held;        // of methods whose later messages tell of success
  std::chrono::steady_clock::time_point settle_begun;
  std::optional<datastore::Told> told;
};

}  // namespace praefect::proxy
