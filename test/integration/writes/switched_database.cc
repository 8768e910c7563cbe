#include "switched_database.h"

#include <utility>

namespace praefect::test {

void SwitchedDatabase::Run(db::Transaction transaction, Done done) {
  if (!Refuses(done)) inner_.Run(std::move(transaction), Watched(std::move(done)));
}

void SwitchedDatabase::RunSteps(db::Steps steps, db::Patience patience, Done done) {
  if (!Refuses(done)) inner_.RunSteps(std::move(steps), patience, Watched(std::move(done)));
}

void SwitchedDatabase::AfterNext(std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  after_ = std::move(action);
}

bool SwitchedDatabase::Refuses(const Done& done) {
  asked++;
  if (!away) return false;
  done({db::Error{db::Layer::kConnect, "", "connect as hunter2-user to db.example:5432: refused"},
        {}});
  return true;
}

db::Database::Done SwitchedDatabase::Watched(Done done) {
  std::function<void()> after;
  {
    const std::lock_guard lock(mutex_);
    after = std::exchange(after_, nullptr);
  }
  if (after == nullptr) return done;
  return [after = std::move(after), done = std::move(done)](db::Outcome outcome) {
    after();
    done(std::move(outcome));
  };
}

}  // namespace praefect::test
