#pragma once

// What Praefect's own RPCs see of the books.

#include <functional>

#include "datastore/bookkeeper.h"
#include "proxy/node_client.h"
#include "service/surveyor.h"

namespace praefect::service {

// All or none; none: the books are not kept.
struct BooksView {
  datastore::Bookkeeper* keeper = nullptr;
  const proxy::NodeClient* nodes = nullptr;
  Surveyor* surveyor = nullptr;
  db::Database* database = nullptr;

  explicit operator bool() const { return keeper != nullptr; }
};

// What it returns is there until the local server has stopped. Any thread.
using BooksSource = std::function<BooksView()>;
inline BooksView NoBooks() { return {}; }

}  // namespace praefect::service
