#include "db/database.h"

#include <future>
#include <utility>

namespace praefect::db {

Outcome Database::Wait(Transaction transaction) {
  std::promise<Outcome> promise;
  Run(std::move(transaction), [&](Outcome outcome) { promise.set_value(std::move(outcome)); });
  return promise.get_future().get();
}

Outcome Database::WaitSteps(Steps steps, Patience patience) {
  std::promise<Outcome> promise;
  RunSteps(std::move(steps), patience,
           [&](Outcome outcome) { promise.set_value(std::move(outcome)); });
  return promise.get_future().get();
}

}  // namespace praefect::db
