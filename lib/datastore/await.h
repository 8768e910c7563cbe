#pragma once

// For threads that block: what an operation with a callback reports.

#include <functional>
#include <future>
#include <utility>

#include "datastore/store.h"

namespace praefect::datastore {

template <class T>
Result<T> Await(const std::function<void(Callback<T>)>& start) {
  std::promise<Result<T>> promise;
  auto answer = promise.get_future();
  start([&](Result<T> result) { promise.set_value(std::move(result)); });
  return answer.get();
}

}  // namespace praefect::datastore
