#pragma once

// What the clerk refuses with, and how its threads wait for the database. Internal to the clerk.

#include <future>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/clerk.h"

namespace praefect::proxy {

Decision Refused(absl::StatusCode code, std::string message, std::string_view reason,
                 std::string hint = {});
// Nothing of the database's own words reaches clients.
Decision DatabaseAway(const db::Error& error);
// `what` another call does with it: "created".
Decision Busy(std::string_view what, const Clerk::Name& name);
// Why a node did not say whether something is there.
Decision Unanswered(const Clerk::Name& name, const std::string& why);

template <class T>
class Waiting {
 public:
  datastore::Callback<T> Callback() {
    return [this](datastore::Result<T> result) { promise_.set_value(std::move(result)); };
  }
  datastore::Result<T> Wait() { return promise_.get_future().get(); }

 private:
  std::promise<datastore::Result<T>> promise_;
};

}  // namespace praefect::proxy
