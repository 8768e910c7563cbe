#include "datastore/route_cache.h"

#include <absl/hash/hash.h>

#include <utility>

namespace praefect::datastore {

using observe::MutexLock;

size_t RouteCache::NameHash::operator()(const RepositoryName& name) const {
  return absl::HashOf(name.virtual_storage, name.relative_path);
}

bool RouteCache::IsProven() const {
  const BootTime::rep proven = proven_.load(std::memory_order_acquire);
  return proven != kNever && clock_() - BootTime(proven) <= options_.proof;
}

bool RouteCache::Holds(const RoutedRepository& route) const {
  return route.cached.load(std::memory_order_acquire) && IsProven();
}

Route RouteCache::Get(const RepositoryName& name) const {
  if (!IsProven()) return nullptr;
  const MutexLock lock(mutex_);
  const auto found = routes_.find(name);
  return found == routes_.end() ? nullptr : found->second;
}

Route RouteCache::LastKnown(const RepositoryName& name) const {
  const MutexLock lock(mutex_);
  const auto found = routes_.find(name);
  return found == routes_.end() ? nullptr : found->second;
}

uint64_t RouteCache::BeginQuery() {
  const MutexLock lock(mutex_);
  ++queries_[heard_count_];
  return heard_count_;
}

void RouteCache::EndQuery(uint64_t query, const RepositoryName& name, const Route& found) {
  const MutexLock lock(mutex_);
  if (found == nullptr) {
    const auto known = routes_.find(name);
    if (known != routes_.end()) EraseLocked(known->second->id);
    return EndLocked(query);
  }
  const auto heard = heard_.find(found->id);
  const bool changed = query < judged_from_ || (heard != heard_.end() && heard->second > query);
  if (changed) {
    ++counters_.refused_fills;
  } else {
    InsertLocked(name, found);
  }
  EndLocked(query);
}

void RouteCache::DropQuery(uint64_t query) {
  const MutexLock lock(mutex_);
  EndLocked(query);
}

void RouteCache::Forget(std::span<const int64_t> ids) {
  const MutexLock lock(mutex_);
  for (const int64_t id : ids) {
    EraseLocked(id);
    ++heard_count_;
    if (!queries_.empty()) heard_[id] = heard_count_;
  }
  if (heard_.size() <= options_.max_heard) return;
  heard_.clear();
  judged_from_ = heard_count_;
}

void RouteCache::Prove(BootTime beat_begun) {
  const MutexLock lock(mutex_);
  if (beat_begun.count() > proven_.load()) proven_ = beat_begun.count();
}

void RouteCache::Reset() {
  const MutexLock lock(mutex_);
  proven_ = kNever;
  judged_from_ = ++heard_count_;
  heard_.clear();
  for (const auto& [name, route] : routes_) route->cached = false;
  routes_.clear();
  names_.clear();
}

RouteCache::Counters RouteCache::counters() const {
  const MutexLock lock(mutex_);
  return counters_;
}

void RouteCache::EraseLocked(int64_t id) {
  const auto name = names_.find(id);
  if (name == names_.end()) return;
  const auto route = routes_.find(name->second);
  route->second->cached = false;
  routes_.erase(route);
  names_.erase(name);
}

void RouteCache::InsertLocked(const RepositoryName& name, const Route& route) {
  const auto known = routes_.find(name);
  if (known != routes_.end()) EraseLocked(known->second->id);
  EraseLocked(route->id);
  if (routes_.size() >= options_.max_routes) {
    ++counters_.evicted;
    EraseLocked(routes_.begin()->second->id);
  }
  routes_[name] = route;
  route->cached = true;
  names_[route->id] = name;
}

void RouteCache::EndLocked(uint64_t query) {
  const auto open = queries_.find(query);
  if (open != queries_.end() && --open->second == 0) queries_.erase(open);
  if (queries_.empty()) heard_.clear();
}

}  // namespace praefect::datastore
