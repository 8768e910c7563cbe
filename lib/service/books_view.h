#pragma once

// What Praefect's own RPCs see of the books.

#include <functional>

#include "datastore/bookkeeper.h"
#include "proxy/node_client.h"
#include "service/surveyor.h"

namespace praefect::service {

struct BooksView {
  datastore::Bookkeeper& keeper;
  const proxy::NodeClient& nodes;
  Surveyor& surveyor;
  db::Database& database;
};

// What it returns is there until the local server has stopped. Any thread.
using BooksSource = std::function<BooksView()>;

}  // namespace praefect::service
