#include "datastore/lingers.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace praefect::datastore {

using observe::MutexLock;

void Lingers::Add(std::string virtual_storage, std::string storage, std::chrono::milliseconds time,
                  Ended ended) {
  const MutexLock lock(mutex_);
  lingers_.push_back({.virtual_storage = std::move(virtual_storage),
                      .storage = std::move(storage),
                      .remaining = time,
                      .ended = std::move(ended)});
}

bool Lingers::Count(Linger& linger, BootTime now, NodeState state) const {
  if (state != NodeState::kHealthy) {
    linger.healthy_at = BootTime::min();
    return state == NodeState::kNotConfigured;
  }
  if (linger.healthy_at != BootTime::min()) {
    linger.remaining -= std::min<BootTime>(now - linger.healthy_at, longest_gap_);
  }
  linger.healthy_at = now;
  return linger.remaining <= BootTime::zero();
}

void Lingers::Look(BootTime now, const AskNode& ask) {
  using Place = std::pair<std::string, std::string>;
  std::map<Place, NodeState> states;
  {
    const MutexLock lock(mutex_);
    for (const Linger& linger : lingers_) states[{linger.virtual_storage, linger.storage}];
  }
  for (auto& [place, state] : states) state = ask(place.first, place.second);
  std::vector<std::pair<Ended, bool>> ended;
  {
    const MutexLock lock(mutex_);
    const auto over = [&](Linger& linger) {
      const auto asked = states.find({linger.virtual_storage, linger.storage});
      if (asked == states.end() || !Count(linger, now, asked->second)) return false;
      ended.emplace_back(std::move(linger.ended), asked->second == NodeState::kNotConfigured);
      return true;
    };
    lingers_.erase(std::remove_if(lingers_.begin(), lingers_.end(), over), lingers_.end());
  }
  for (const auto& [end, left] : ended) end(left);
}

size_t Lingers::size() const {
  const MutexLock lock(mutex_);
  return lingers_.size();
}

}  // namespace praefect::datastore
