#pragma once

// A database that a test can take away, hold up, or count.

#include <atomic>
#include <functional>
#include <mutex>

#include "db/database.h"

namespace praefect::test {

class SwitchedDatabase final : public db::Database {
 public:
  explicit SwitchedDatabase(db::Database& inner) : inner_(inner) {}

  db::Engine engine() const override { return inner_.engine(); }
  void Run(db::Transaction transaction, Done done) override;
  void RunSteps(db::Steps steps, db::Patience patience, Done done) override;

  // Nothing reaches it, and what is asked fails.
  std::atomic<bool> away{false};
  std::atomic<int> asked{0};
  // Called once, when the next transaction has been answered and before that is told.
  void AfterNext(std::function<void()> action);

 private:
  bool Refuses(const Done& done);
  Done Watched(Done done);

  db::Database& inner_;
  std::mutex mutex_;
  std::function<void()> after_;  // guarded by mutex_
};

}  // namespace praefect::test
