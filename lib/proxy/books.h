#pragma once

// What the data plane routes by. Without it, it goes by the configuration alone and records
// nothing.

#include "datastore/bookkeeper.h"
#include "proxy/caretaker.h"
#include "proxy/clerk.h"
#include "proxy/promoter.h"

namespace praefect::proxy {

// All or none; they outlive the server's Stop.
struct Books {
  datastore::Bookkeeper* keeper = nullptr;
  Clerk* clerk = nullptr;
  Promoter* promoter = nullptr;
  Caretaker* caretaker = nullptr;  // tests may do without
};

}  // namespace praefect::proxy
