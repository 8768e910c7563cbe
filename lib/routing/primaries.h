#pragma once

// Who should take a repository's writes: its present primary, or another replica that is to be
// promoted. Pure.

#include <string>

#include "datastore/repository.h"
#include "nodes/snapshot.h"
#include "routing/route.h"

namespace praefect::routing {

struct PrimaryChoice {
  enum Kind {
    kStays,
    // The designated storage is another one, and could take over soon: once nothing is open, and it
    // holds all. Writes may go on at the primary meanwhile.
    kMoves,
    kPromoted,  // the primary takes no writes, or there is none: `storage` may take over at once
    kNobody,    // neither: `refusal` says why, and what to do
  };
  Kind kind = kStays;
  std::string storage;  // kMoves, kPromoted
  // kPromoted: it was never compared with the replica that it was copied from, and no other one
  // that was is healthy.
  bool unproven = false;
  Refusal refusal;  // kNobody
};

// Manual mode: the designated storage is proposed, and no other one. Exceptions are a repository
// without primary (its claim was withdrawn), and one that is not assigned to the designated
// storage: any complete replica may take over, proven ones first, then in file order; a repository
// without primary moves to the designated storage when that has caught up.
//
// While the books have not told what is designated, only repositories without primary get one.
// `repository` is live.
PrimaryChoice ChoosePrimary(const nodes::VirtualStorage& virtual_storage,
                            const datastore::Repository& repository);

// Whether what `choice` says (kMoves) can be done now.
bool MayMoveNow(const datastore::Repository& repository, const std::string& storage);

}  // namespace praefect::routing
