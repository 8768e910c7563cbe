#pragma once

// A recorded call that may change a repository, and how it can end. Values.

#include <string>

#include "datastore/repository.h"
#include "datastore/windows.h"

namespace praefect::datastore {

struct Write {
  int64_t intent = 0;
  int64_t instance = 0;  // as which it was recorded
  BootTime begun{};      // before its open was handed to the database
  int64_t repository_id = 0;
  RepositoryName name;
  std::string storage;  // empty: an adoption
  int64_t term = 0;
  bool creates = false;  // its repository is being created
};

struct Opened {
  enum Result {
    kRecorded,
    kRouteAnew,    // the books say something else than the route
    kUnavailable,  // it could not be recorded: the call is refused
  };
  Result result = kUnavailable;
  Write write;      // kRecorded
  std::string why;  // kUnavailable: for the client, without database names, users or addresses
};

enum class Told {
  kAcknowledged,  // the client may be told OK
  kNotKept,       // may have been applied, is not kept: primary or term changed
  kGone,          // the repository is being removed, or its row is gone
  kUnrecorded,    // settle_timeout has passed; the settle goes on, and counts as told otherwise
};

// How a call ended that brought no OK.
enum class End {
  kNeverSent,  // provably: the intent goes, no generation rises
  kAnswered,   // the node answered, or acknowledged a PING sent after our RST_STREAM: `linger`
  kLost,       // nobody knows: `lost_linger`
};

}  // namespace praefect::datastore
