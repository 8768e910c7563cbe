#include "broken_database.h"

#include <thread>
#include <utility>

namespace praefect::bench {

class BrokenTransaction final : public db::OpenTransaction {
 public:
  BrokenTransaction(db::OpenTransaction& real, BrokenDatabase& database)
      : real_(real), database_(database) {}

  db::Engine engine() const override { return real_.engine(); }
  db::Outcome Execute(const std::vector<db::Statement>& statements) override {
    std::vector<db::Statement> broken = statements;
    database_.Break(broken);
    db::Outcome outcome = real_.Execute(broken);
    std::this_thread::sleep_for(database_.pause_);
    return outcome;
  }
  std::optional<db::Error> RunScript(const std::string& text) override {
    return real_.RunScript(text);
  }

 private:
  db::OpenTransaction& real_;
  BrokenDatabase& database_;
};

void BrokenDatabase::Run(db::Transaction transaction, Done done) {
  Break(transaction.statements);
  real_.Run(std::move(transaction), std::move(done));
}

void BrokenDatabase::RunSteps(db::Steps steps, db::Patience patience, Done done) {
  real_.RunSteps(
      [this, steps = std::move(steps)](db::OpenTransaction& open) {
        BrokenTransaction broken(open, *this);
        return steps(broken);
      },
      patience, std::move(done));
}

void BrokenDatabase::Break(std::vector<db::Statement>& statements) {
  const std::lock_guard lock(mutex_);
  for (db::Statement& statement : statements) {
    auto [text, is_new] = texts_.try_emplace(statement.sql.postgres, statement.sql.postgres);
    for (const Replacement& each : replacements_) {
      for (size_t at = 0; is_new && (at = text->second.find(each.from, at)) != std::string::npos;) {
        text->second.replace(at, each.from.size(), each.to);
        at += each.to.size();
        ++found_[each.from];
      }
    }
    statement.sql = text->second.c_str();
  }
}

bool BrokenDatabase::fits() const {
  const std::lock_guard lock(mutex_);
  return found_.size() == replacements_.size();
}

}  // namespace praefect::bench
