#pragma once

// The rules of the books: which replica may be read, copied, promoted or deleted, and what each
// event does to the books of a repository. Pure: no clock, no database, no node.
//
// Who uses them: the exhaustive models, which show for every interleaving at small limits that they
// keep the invariants, and that each is needed; the embedded store, which loads, applies and saves
// inside one transaction; the contract suite, which compares PostgreSQL's statements with them.
//
// Two thresholds: reads want a *current* replica (it holds the generation), promotion wants a
// *complete* one (it holds at least what was acknowledged). A write that nobody was told about
// binds nobody.

#include <absl/types/span.h>

#include "datastore/books.h"

namespace praefect::datastore {

bool IsCurrent(const Books& books, int storage);
bool IsComplete(const Books& books, int storage);
// A copy or delete runs or lingers on the replica: nothing else starts there, and it is not
// promoted.
bool IsBusy(const Replica& replica);

// --- Reads ---

// A current replica, and no secondary on which a call is unsettled. While a write is open on the
// primary, only the primary is read: what a client sees there of its own write must not vanish.
bool MayRead(const Books& books, int storage);
// While the primary cannot be reached: a complete replica, on which no call is unsettled.
bool MayReadWithoutPrimary(const Books& books, int storage);

// --- Writes ---

// An open in the primary and term that the router saw: the repository is live and the primary
// current.
bool MayOpen(const Books& books, int primary, int64_t term);
// Records the intent of a call on the primary. Requires MayOpen, or a repository being created.
void Open(Books& books, int64_t intent);
// The call provably never reached the node: the intent goes, nothing rises.
void DropIntent(Books& books, int64_t intent);
// Nobody waits for the end of the call any more; it is settled when it can no longer be applied.
void LetLinger(Books& books, int64_t intent);

// The end of a call that may have been applied. Its intent's row need not exist any more.
struct Settlement {
  int64_t intent = 0;
  int storage = kNoStorage;  // where it was sent
  int64_t term = 0;          // in which it was opened
  bool node_ok = false;      // the node answered OK
  bool told_otherwise =
      false;  // the client was told meanwhile that it failed or cannot be recorded
};

// Whether the settle may answer OK, and so acknowledge: the primary and term of the open hold, the
// primary was current, the client was not told otherwise. Judged before any settlement of the batch
// is applied.
bool Acknowledges(const Books& books, const Settlement& settlement);

// Settles all of a batch that concern this repository; afterwards one generation more, the primary
// alone keeps up, every other replica is wanted at it. Whether each is acknowledged: Acknowledges,
// before the call. A repository being created is live when the node's OK is settled in its primary
// and term, otherwise it is being removed (its relative path is the caller's to take away). One
// being removed only loses the intents.
void Settle(Books& books, absl::Span<const Settlement> settlements);

// A settlement of which the books may know nothing any more, because the database lost commits. The
// higher term wins; of equal ones the storage that a write was acknowledged on leads, whoever else
// was promoted in that term. False: nothing is to be changed.
bool SettleAgain(Books& books, int storage, int64_t term, bool acknowledged);

// --- Copies ---

// `source` is current, and the primary or a verified one without an unsettled call (the settle
// would repair what such a copy spreads, but nothing is spread that nobody may know of); `target`
// is neither the primary, nor current and verified, suspect, busy, or itself the source of a
// running copy. A target without a row needs that the node was asked and has nothing at the replica
// path.
bool MayCopy(const Books& books, int source, int target, bool nothing_there);
// Notes what the source holds now, and the target's row. Requires MayCopy.
void StartCopy(Books& books, int source, int target);
// The node's OK, by the run that was started: the target holds what the source held before the copy
// began, unless the copy was voided; wanted more meanwhile: ready again.
void CompleteCopy(Books& books, int target, bool verified);
// Its caller is dead or lost the call: nothing starts on the replica until it can no longer be
// applied.
void LoseJob(Books& books, int target);
// It can no longer be applied (or provably never was): ready again, nothing is claimed.
void ReleaseJob(Books& books, int target);
// Creates what is missing and raises what is there, so that every replica that is behind has a job.
// What was parked is tried again: something changed.
void WantCopies(Books& books);
// Creates what is missing, copies and deletes, and leaves alone what is there.
void WantMissing(Books& books);

// --- Claims ---

// Nobody can vouch for the replica any more: its claim goes, its row stays. Every copy that runs or
// lingers onto or from it is void, and so are the claims of the targets of those from it, and so
// on. A primary among them is deposed: term + 1, no primary.
void Withdraw(Books& books, int storage);
// The same, keeping aside what the replica itself claimed, because its disk was exchanged.
void MakeSuspect(Books& books, int storage);
// The disk under which the claim was made is back.
void RestoreSuspect(Books& books, int storage);
// It will not come back: the replica is filled anew.
void GiveUpSuspect(Books& books, int storage);

// --- Promotion ---

// Live, complete, not busy, not suspect, not the primary already.
bool MayPromote(const Books& books, int storage);
// Term + 1; one that was not current gets a generation of its own. Requires MayPromote.
void Promote(Books& books, int storage);
// An operator accepts that acknowledged writes are lost: what this replica holds is the truth from
// now on. Requires a row and that it is not busy.
void PromoteWithLoss(Books& books, int storage);

// --- Removal ---

// From now on the repository has no name (the caller takes it): every replica with a row is to be
// deleted, jobs of storages without one are dropped, running copies become deletes when they have
// ended.
void Remove(Books& books);
// A delete is ready on this storage: of a repository that is being removed, or of a surplus replica
// that claims nothing and is not the primary (the Go Praefect queues such deletes). Not while an
// unsettled call on another repository may still read it there.
bool MayDelete(const Books& books, int storage);
// Notes whether anything is in flight that could create the replica anew: for the repository, or of
// a live one on this storage. Only a delete that began without counts.
void StartDelete(Books& books, int storage);
void CompleteDelete(Books& books, int storage);
// An operator says that the storage, which is not configured, will not come back: its delete, which
// has not begun, counts as done. What lies there may come back all the same, so the replica path is
// the caller's to retire where the repository is being removed.
void GiveUpDelete(Books& books, int storage);
// Nothing of the repository is left anywhere: its row goes.
bool MayForget(const Books& books);

// --- Adoption ---

// The storages that hold what was found; requires a repository being created without primary and
// rows.
void Adopt(Books& books, int primary, absl::Span<const int> holders);

}  // namespace praefect::datastore
