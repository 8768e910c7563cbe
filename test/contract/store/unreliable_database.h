#pragma once

// A database between which and its user answers get lost, are held up, or nothing arrives at all.

#include <atomic>
#include <mutex>
#include <string>

#include "db/database.h"

namespace praefect::db {

class UnreliableDatabase final : public Database {
 public:
  explicit UnreliableDatabase(Database& database) : database_(database) {}
  ~UnreliableDatabase() override { Release(); }

  // The next transaction of this text (any of several steps) is applied, and its answer lost.
  void LoseAnswerTo(std::string text) { Set(Trick::kLose, std::move(text)); }
  // The answer comes with Release.
  void HoldAnswerTo(std::string text) { Set(Trick::kHold, std::move(text)); }
  bool Holds() const {
    const std::lock_guard lock(mutex_);
    return held_ != nullptr;
  }
  void Release() {
    std::function<void()> held;
    {
      const std::lock_guard lock(mutex_);
      held = std::exchange(held_, nullptr);
    }
    if (held) held();
  }
  void GoAway(bool away) { away_ = away; }

  Engine engine() const override { return database_.engine(); }
  void Run(Transaction transaction, Done done) override {
    if (away_) return done(Away());
    const Trick trick = Take(&transaction);
    database_.Run(std::move(transaction), Through(trick, std::move(done)));
  }
  void RunSteps(Steps steps, Patience patience, Done done) override {
    if (away_) return done(Away());
    const Trick trick = Take(nullptr);
    database_.RunSteps(std::move(steps), patience, Through(trick, std::move(done)));
  }

 private:
  enum class Trick { kNone, kLose, kHold };

  void Set(Trick trick, std::string text) {
    const std::lock_guard lock(mutex_);
    trick_ = trick;
    text_ = std::move(text);
  }

  // Null: steps.
  Trick Take(const Transaction* transaction) {
    const std::lock_guard lock(mutex_);
    bool meant = transaction == nullptr;
    for (size_t i = 0; transaction != nullptr && i < transaction->statements.size(); ++i) {
      const std::string sql = transaction->statements[i].sql.For(engine());
      meant = meant || sql.find(text_) != sql.npos;
    }
    return meant ? std::exchange(trick_, Trick::kNone) : Trick::kNone;
  }

  Done Through(Trick trick, Done done) {
    if (trick == Trick::kNone) return done;
    if (trick == Trick::kLose) {
      return [done = std::move(done)](const Outcome&) {
        done({Error{Layer::kLost, "", "the connection broke", true}, {}});
      };
    }
    return [this, done = std::move(done)](Outcome outcome) {
      const std::lock_guard lock(mutex_);
      held_ = [done, outcome] { done(outcome); };
    };
  }

  static Outcome Away() { return {Error{Layer::kConnect, "", "nobody at 192.0.2.1"}, {}}; }

  Database& database_;
  std::atomic<bool> away_{false};
  mutable std::mutex mutex_;
  Trick trick_ = Trick::kNone;
  std::string text_;
  std::function<void()> held_;
};

}  // namespace praefect::db
