#pragma once

// The routes that one worker has used, so that a known one costs no lock. For one thread.

#include <absl/container/flat_hash_map.h>

#include <string_view>
#include <utility>

#include "proxy/books.h"

namespace praefect::proxy {

class RouteMemory {
 public:
  static constexpr size_t kMaxRoutes = 20'000;  // more: one makes room

  explicit RouteMemory(const Books& books) : books_(books) {}

  // A route that is proven, or nothing. Until the next call of either.
  const datastore::Route* Find(std::string_view virtual_storage, std::string_view relative_path) {
    const auto found = routes_.find({virtual_storage, relative_path});
    if (found == routes_.end()) return nullptr;
    if (books_.keeper->Holds(*found->second)) return &found->second;
    routes_.erase(found);
    return nullptr;
  }

  void Remember(const datastore::Route& route) {
    if (!books_.keeper->Holds(*route)) return;
    if (routes_.size() >= kMaxRoutes) routes_.erase(routes_.begin());
    const Key key{route->name.virtual_storage, route->name.relative_path};
    routes_.erase(key);  // its key lies in the route that goes
    routes_.emplace(key, route);
  }

 private:
  using Key = std::pair<std::string_view, std::string_view>;

  const Books& books_;
  absl::flat_hash_map<Key, datastore::Route> routes_;
};

}  // namespace praefect::proxy
