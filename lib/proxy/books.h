#pragma once

// What the data plane routes by, and records writes in.

#include "datastore/bookkeeper.h"
#include "proxy/caretaker.h"
#include "proxy/clerk.h"
#include "proxy/promoter.h"

namespace praefect::proxy {

// They outlive the server's Stop.
struct Books {
  datastore::Bookkeeper* keeper = nullptr;
  Clerk* clerk = nullptr;
  Promoter* promoter = nullptr;
  Caretaker* caretaker = nullptr;
};

}  // namespace praefect::proxy
