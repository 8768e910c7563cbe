#include "datastore/routes.h"

#include <charconv>

namespace praefect::datastore {
namespace {

using observe::MutexLock;

constexpr size_t kMaxBeats = 64;  // that were sent and not heard: older ones prove nothing any more

std::string KeyOf(const RepositoryName& name) {
  return name.virtual_storage + '\0' + name.relative_path;
}

// Numbers that are separated by spaces; what is none is left out.
std::vector<int64_t> Numbers(std::string_view text) {
  std::vector<int64_t> numbers;
  while (!text.empty()) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc()) numbers.push_back(number);
    const size_t space = text.find(' ');
    text.remove_prefix(space == text.npos ? text.size() : space + 1);
  }
  return numbers;
}

}  // namespace

void Routes::Find(const RepositoryName& name, Done done) {
  if (Route known = cache_.Get(name)) return done({.route = std::move(known), .cached = true});
  bool begins = false;
  if (!JoinOrBegin(name, done, begins)) {
    return done(Stale(
        name, db::Error{db::Layer::kPool, "", "find a repository: too many are being looked up"}));
  }
  if (begins) Query(name);
}

bool Routes::JoinOrBegin(const RepositoryName& name, Done done, bool& begins) {
  const MutexLock lock(mutex_);
  const auto waiting = waiting_.find(KeyOf(name));
  if (waiting != waiting_.end()) {
    waiting->second.push_back(std::move(done));
    return true;
  }
  if (waiting_.size() >= options_.max_queries) {
    ++counters_.too_many_queries;
    return false;
  }
  begins = true;
  ++counters_.queries;
  waiting_[KeyOf(name)].push_back(std::move(done));
  return true;
}

void Routes::Query(const RepositoryName& name) {
  const uint64_t query = cache_.BeginQuery();
  store_.Find(name, db::After(options_.route_timeout),
              [this, name, query](Result<std::optional<Repository>> result) {
                if (!result.ok()) {
                  cache_.DropQuery(query);
                  return Answer(name, Stale(name, std::move(result.error)));
                }
                Route route;
                if (result.value)
                  route = std::make_shared<RoutedRepository>(std::move(*result.value));
                cache_.EndQuery(query, name, route);
                Answer(name, {.route = std::move(route)});
              });
}

void Routes::Answer(const RepositoryName& name, const Routed& routed) {
  std::vector<Done> waiting;
  {
    const MutexLock lock(mutex_);
    waiting = std::move(waiting_[KeyOf(name)]);
    waiting_.erase(KeyOf(name));
  }
  for (const Done& done : waiting) done(routed);
}

Routed Routes::Stale(const RepositoryName& name, std::optional<db::Error> error) {
  Route known = cache_.LastKnown(name);
  const MutexLock lock(mutex_);
  counters_.stale += known != nullptr;
  return {.route = known, .stale = known != nullptr, .error = std::move(error)};
}

void Routes::BeatBegins(int64_t instance, int64_t mark, BootTime begun) {
  const MutexLock lock(mutex_);
  beats_[{instance, mark}] = begun;
  if (beats_.size() > kMaxBeats) beats_.erase(beats_.begin());
}

std::vector<int64_t> Routes::Heard(std::string_view channel, std::string_view payload) {
  std::vector<int64_t> numbers = Numbers(payload);
  if (channel == kChangesChannel) {
    cache_.Forget(numbers);
    return numbers;
  }
  if (channel != kBeatsChannel || numbers.size() != 2) return {};
  BootTime begun{};
  {
    const MutexLock lock(mutex_);
    const auto beat = beats_.find({numbers[0], numbers[1]});
    if (beat == beats_.end()) return {};
    begun = beat->second;
    beats_.erase(beats_.begin(), std::next(beat));
  }
  cache_.Prove(begun);
  return {};
}

Routes::Counters Routes::counters() const {
  const MutexLock lock(mutex_);
  return counters_;
}

}  // namespace praefect::datastore
