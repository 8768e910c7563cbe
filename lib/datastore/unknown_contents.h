#pragma once

// What lies on a node at the name of a repository, belongs to nobody, and is left alone until
// people have looked at it. Remembered for them alone: nothing is decided by it. What lies at a
// repository's own replica path is a parked job instead.

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "datastore/store.h"
#include "observe/registry.h"

namespace praefect::datastore {

struct UnknownContent {
  std::string virtual_storage, relative_path, storage;
  // Of contents that differ from what other storages hold there, for which nobody's repository
  // cannot be taken over. Empty: it is shadowed, the repository of that name lies elsewhere.
  std::string checksum;
  std::chrono::seconds since{0};  // it was noticed; for Note without meaning

  friend bool operator==(const UnknownContent&, const UnknownContent&) = default;
};

struct UnknownContentsFound {
  int64_t count = 0;
  std::vector<UnknownContent> first;  // what differs before what is shadowed, by path
};

// Those that still matter; at most `limit` are listed.
void ListUnknownContents(db::Database& database, int limit, db::Deadline deadline,
                         Callback<UnknownContentsFound> done);

// Thread-safe. `database` is borrowed.
class UnknownContents {
 public:
  // In all; what is noticed beyond that is left out, and counted.
  static constexpr int kMost = 1'000;

  UnknownContents(db::Database& database, observe::Registry& registry, int most = kMost);

  // They replace what was noticed there before.
  void Note(std::vector<UnknownContent> noticed, db::Deadline deadline, Callback<bool> done);
  void List(int limit, db::Deadline deadline, Callback<UnknownContentsFound> done) {
    ListUnknownContents(database_, limit, deadline, std::move(done));
  }
  // It does not lie there any more.
  void Forget(UnknownContent content, db::Deadline deadline, Callback<bool> done);
  // Drops what does not matter any more: the name was given to a repository, or taken from the one
  // that shadowed it, or one alone is left of those that differed.
  void Tidy(db::Deadline deadline, Callback<int64_t> done);

 private:
  db::Database& database_;
  prometheus::Counter& left_out_;
  const int most_;
};

}  // namespace praefect::datastore
