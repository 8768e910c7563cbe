#pragma once

// A database that changes statements on their way: so that deliberate mistakes are made in the
// product's own SQL, and live here.

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "db/database.h"

namespace praefect::bench {

// Every occurrence of `from` becomes `to`.
struct Replacement {
  std::string from;
  std::string to;
};

class BrokenDatabase final : public db::Database {
 public:
  // `real` is borrowed. Between the steps of a transaction it waits for `pause`: where a lock is
  // missing others get their turn.
  BrokenDatabase(db::Database& real, std::vector<Replacement> replacements,
                 std::chrono::milliseconds pause = {})
      : real_(real), replacements_(std::move(replacements)), pause_(pause) {}

  db::Engine engine() const override { return real_.engine(); }
  void Run(db::Transaction transaction, Done done) override;
  void RunSteps(db::Steps steps, db::Patience patience, Done done) override;

  // Whether every replacement found its place: the product's SQL may have changed.
  bool fits() const;

 private:
  friend class BrokenTransaction;
  void Break(std::vector<db::Statement>& statements);

  db::Database& real_;
  const std::vector<Replacement> replacements_;
  const std::chrono::milliseconds pause_;
  mutable std::mutex mutex_;
  std::map<const char*, std::string> texts_;  // by the text that is replaced
  std::map<std::string, int> found_;          // by Replacement::from
};

}  // namespace praefect::bench
