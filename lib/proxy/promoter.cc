#include "proxy/promoter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "datastore/changes.h"
#include "observe/thread.h"

namespace praefect::proxy {
namespace {

using datastore::Repository;
using observe::MutexLock;
using routing::PrimaryChoice;
using SteadyClock = db::Deadline::clock;

constexpr std::chrono::milliseconds kLongestPause{1'000};
// For one statement.
constexpr std::chrono::milliseconds kStepTimeout{5'000};

// What a planned move waits for, for people.
std::string WhyNotYet(const Repository& repository, const std::string& storage) {
  size_t lingering = 0;
  for (const datastore::Intent& intent : repository.books.intents) lingering += intent.lingering;
  const size_t open = repository.books.intents.size() - lingering;
  if (open > 0) return fmt::format("{} writes are open", open);
  if (lingering > 0) {
    return fmt::format("{} writes that nobody waits for may still be applied", lingering);
  }
  return fmt::format("storage \"{}\" does not hold all of it yet", storage);
}

}  // namespace

Promoter::Promoter(datastore::Bookkeeper& keeper, SnapshotSource snapshot, observe::Logger& logger,
                   observe::Registry& registry, PromoterOptions options)
    : keeper_(keeper),
      snapshot_(std::move(snapshot)),
      logger_(logger),
      options_(options),
      promotions_(registry.Counters("gitaly_praefect_promotions_total",
                                    "Repositories that got another primary here, by whether the "
                                    "old one could still take writes.")),
      planned_(promotions_.Add({{"kind", "planned"}})),
      forced_(promotions_.Add({{"kind", "forced"}})),
      waited_for_(registry.Gauge("gitaly_praefect_moves_waited_for",
                                 "Repositories whose writes wait until their primary has moved.")),
      given_up_moves_(registry.Counter(
          "gitaly_praefect_moves_given_up_total",
          "Planned moves of a primary that writes waited for in vain; they are tried again.")),
      too_many_(registry.Counter("gitaly_praefect_moves_refused_total",
                                 "Writes that did not wait for a move of their primary, because "
                                 "too many repositories were being moved.")),
      thread_(observe::StartThread("promotions", [this] { Run(); })) {}

Promoter::~Promoter() { Stop(); }

void Promoter::Stop() {
  std::map<int64_t, Move> moves;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    moves.swap(moves_);
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  for (const auto& [id, move] : moves) {
    for (const Done& done : move.waiting) {
      done({Answer::kRefused,
            {absl::StatusCode::kUnavailable, "Praefect is shutting down", "stopping", ""}});
    }
  }
  in_flight_.Wait();
}

void Promoter::Ask(int64_t repository_id, bool planned, Done done) {
  {
    const MutexLock lock(mutex_);
    const auto now = SteadyClock::now();
    const auto paused = pauses_.find(repository_id);
    const bool known = moves_.contains(repository_id);
    const bool held = !stopping_ && !(planned && paused != pauses_.end() && paused->second > now);
    if (held && (known || moves_.size() < options_.most_moves)) {
      Move& move = moves_[repository_id];
      if (!known) move.end = now + options_.longest_hold;
      if (!known) move.next = now;
      move.waiting.push_back(std::move(done));
      waited_for_.Set(static_cast<double>(moves_.size()));
      wake_.NotifyAll();
      return;
    }
    if (held) too_many_.Increment();
  }
  done({Answer::kStays});
}

void Promoter::Try(int64_t repository_id, std::function<void(bool moved)> done) {
  Attempt(repository_id, [done = std::move(done)](const Outcome& outcome) {
    done(outcome.kind == Outcome::kMoved);
  });
}

void Promoter::Changed(std::span<const int64_t> ids) {
  const MutexLock lock(mutex_);
  if (moves_.empty()) return;
  const auto now = SteadyClock::now();
  for (const int64_t id : ids) {
    const auto move = moves_.find(id);
    if (move != moves_.end()) move->second.next = now;
  }
  wake_.NotifyAll();
}

void Promoter::Run() {
  for (;;) {
    std::vector<int64_t> due;
    {
      MutexLock lock(mutex_);
      const auto now = SteadyClock::now();
      db::Deadline next = now + options_.pause;
      for (auto& [id, move] : moves_) {
        if (move.busy) continue;
        if (move.next > now) {
          next = std::min(next, move.next);
          continue;
        }
        move.busy = true;
        move.next = now + move.pause;
        move.pause = std::min(2 * move.pause, kLongestPause);
        due.push_back(id);
      }
      std::erase_if(pauses_, [&](const auto& pause) { return pause.second <= now; });
      if (stopping_) return;
      if (due.empty()) wake_.WaitUntil(lock, next);
    }
    for (const int64_t id : due) {
      Attempt(id, [this, id](Outcome outcome) { Note(id, std::move(outcome)); });
    }
  }
}

// ---- one attempt -------------------------------------------------------------------------------

void Promoter::Attempt(int64_t id, Attempted done) {
  keeper_.store().Find(id, db::After(kStepTimeout),
                       [this, done = std::move(done), token = in_flight_.Begin()](
                           datastore::Result<std::optional<Repository>> found) {
                         if (!found.ok())
                           return done({Outcome::kUnknown, {}, found.error->message});
                         const bool live = found.value && found.value->books.state ==
                                                              datastore::RepositoryState::kLive;
                         if (!live) return done({Outcome::kStays});
                         Judge(*found.value, done);
                       });
}

void Promoter::Judge(const Repository& repository, Attempted done) {
  const auto snapshot = snapshot_();
  const nodes::VirtualStorage* storage = snapshot->Find(repository.name.virtual_storage);
  if (storage == nullptr) return done({Outcome::kStays});
  PrimaryChoice choice = routing::ChoosePrimary(*storage, repository);
  switch (choice.kind) {
    case PrimaryChoice::kStays:
      return done({Outcome::kStays});
    case PrimaryChoice::kNobody:
      return done({Outcome::kNobody, std::move(choice.refusal)});
    case PrimaryChoice::kMoves:
      return MoveIfInForce(repository, choice, std::move(done));
    case PrimaryChoice::kPromoted:
      break;
  }
  Promote(repository, choice, std::move(done));
}

// Another process may know since a moment ago that another storage is designated; moving back what
// it moved would only cost copies.
void Promoter::MoveIfInForce(const Repository& repository, const PrimaryChoice& choice,
                             Attempted done) {
  keeper_.store().Declared(
      db::After(kStepTimeout),
      [this, repository, choice, done = std::move(done),
       token = in_flight_.Begin()](datastore::Result<datastore::Declarations> told) {
        if (!told.ok()) return done({Outcome::kUnknown, {}, told.error->message});
        const auto& in_force = told.value.in_force;
        const auto designated = in_force.find(repository.name.virtual_storage);
        if (designated == in_force.end() || designated->second != choice.storage) {
          return done({Outcome::kStays});
        }
        if (!routing::MayMoveNow(repository, choice.storage)) {
          return done({Outcome::kWaits, {}, WhyNotYet(repository, choice.storage)});
        }
        Promote(repository, choice, done);
      });
}

void Promoter::Promote(const Repository& repository, const PrimaryChoice& choice, Attempted done) {
  const bool planned = choice.kind == PrimaryChoice::kMoves;
  const auto note = [this, repository, choice, planned, done = std::move(done),
                     token = in_flight_.Begin()](datastore::Result<datastore::Changed> changed) {
    if (!changed.ok()) return done({Outcome::kUnknown, {}, changed.error->message});
    if (changed.value == datastore::Changed::kNotFound) return done({Outcome::kStays});
    if (changed.value == datastore::Changed::kRefused) {
      return done({Outcome::kWaits, {}, "the repository changed meanwhile"});
    }
    (planned ? planned_ : forced_).Increment();
    if (!planned) ++takeovers_;
    const std::string from = repository.Name(repository.books.primary);
    const auto level = choice.unproven ? observe::Level::kWarn : observe::Level::kInfo;
    logger_.Log(level,
                choice.unproven ? "primary moved to a replica that was never compared: no other "
                                  "one is healthy and complete"
                                : "primary moved",
                {{"virtual_storage", repository.name.virtual_storage},
                 {"relative_path", repository.name.relative_path},
                 {"repository_id", repository.id},
                 {"from", from},
                 {"to", choice.storage},
                 {"planned", planned}});
    done({Outcome::kMoved});
  };
  keeper_.Change(repository.id, datastore::PromoteTo(choice.storage, planned),
                 db::After(kStepTimeout), note);
}

// ---- what becomes of a move --------------------------------------------------------------------

void Promoter::Note(int64_t id, Outcome outcome) {
  switch (outcome.kind) {
    case Outcome::kMoved:
      return End(id, {Answer::kMoved});
    case Outcome::kStays:
      return End(id, {Answer::kStays});
    case Outcome::kNobody:
      return End(id, {Answer::kRefused, std::move(outcome.refusal)});
    case Outcome::kWaits:
    case Outcome::kUnknown:
      break;
  }
  {
    const MutexLock lock(mutex_);
    const auto move = moves_.find(id);
    if (move == moves_.end()) return;
    move->second.busy = false;
    if (SteadyClock::now() < move->second.end) {
      wake_.NotifyAll();
      return;
    }
  }
  GiveUp(id, outcome.why);
}

void Promoter::GiveUp(int64_t id, const std::string& why) {
  given_up_moves_.Increment();
  logger_.Warn("a move of a primary took too long: writes go on at the old one for now",
               {{"repository_id", id},
                {"reason", why},
                {"longest_ms", int64_t{options_.longest_hold.count()}},
                {"again_after_ms", int64_t{options_.pause.count()}}});
  {
    const MutexLock lock(mutex_);
    pauses_[id] = db::After(options_.pause);
  }
  End(id, {Answer::kStays});
}

void Promoter::End(int64_t id, const Answer& answer) {
  std::vector<Done> waiting;
  {
    const MutexLock lock(mutex_);
    const auto move = moves_.find(id);
    if (move == moves_.end()) return;
    waiting = std::move(move->second.waiting);
    moves_.erase(move);
    waited_for_.Set(static_cast<double>(moves_.size()));
  }
  for (const Done& done : waiting) done(answer);
}

}  // namespace praefect::proxy
