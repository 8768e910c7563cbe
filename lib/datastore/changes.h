#pragma once

// Changes of one repository by the names of its storages, for Store::Change: each is a rule
// (rules.h) and what has to hold for it. A change that does not hold is refused and leaves
// everything as it was.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "datastore/store.h"

namespace praefect::datastore {

// --- Copies and deletes ---

// From the first storage of `sources` that may serve. `nothing_there`: the node was asked and has
// nothing at the replica path.
Rule StartCopyOnto(std::string target, std::vector<std::string> sources, bool nothing_there,
                   int64_t run, int64_t instance);
// Refused while something is in flight that could create the replica anew: it would have to be
// repeated. What ends that makes the delete due again.
Rule StartDeleteOn(std::string storage, int64_t run, int64_t instance);
// An operator gives up a delete that waits for a storage which left the configuration. Nobody else
// gets the place of a repository that goes with it.
Rule GiveUpDeleteOn(std::string storage);
// By the run that was started: a late one of a run that was released changes nothing.
Rule CompleteRun(std::string storage, int64_t run, bool verified);
Rule LoseRun(std::string storage, int64_t run);
Rule ReleaseRun(std::string storage, int64_t run);

// So begins the error of a copy that is parked because something lies at its place that is not
// ours.
inline constexpr std::string_view kUnknownContent = "something that Praefect does not know lies at";

// Why a job failed is kept with it; what is longer, or no UTF-8, is mended. No secrets.
inline constexpr size_t kMaxJobErrorBytes = 500;

// These two end a run that failed and can no longer be applied; it claims nothing. The caller
// tells what may pass by itself from what will not, and how long to wait (with jitter).
// Again after a delay, one attempt more.
Rule RetryRun(std::string storage, int64_t run, std::string_view error,
              std::chrono::milliseconds delay);
// Hopeless for now: ready again when the repository changes (WantCopies), or by
// Store::RetryParkedJobs.
Rule ParkRun(std::string storage, int64_t run, std::string_view error);
// The same for a job that was ready and could not be started.
Rule PutJobOff(std::string storage, std::string_view error, std::chrono::milliseconds delay);
Rule ParkJob(std::string storage, std::string_view error);
Rule WantAllCopies();
// The same for jobs that are missing alone; of a repository being removed they are deletes, and one
// of which nothing is left goes.
Rule WantMissingJobs();

// --- Primary and claims ---

// `planned`: only when nothing is open.
Rule PromoteTo(std::string storage, bool planned);
Rule PromoteWithLossTo(std::string storage);
Rule WithdrawClaimOf(std::string storage);
// The storage was found with another filesystem_id than the one under which it claimed, which is
// kept aside with the claim. Only that one restores it; an empty one, which nobody knew, none.
Rule SuspectStorage(std::string storage, std::string claimed_under);
Rule RestoreStorage(std::string storage, std::string filesystem_id);
// The storage is on this disk for good: what was claimed under it is restored, and what was claimed
// under another one will not come back. What nobody knows the disk of stays as it is.
Rule SettleSuspectOn(std::string storage, std::string filesystem_id);
// An operator says that what it claimed will not come back.
Rule GiveUpStorage(std::string storage);

// --- Calls ---

Rule LetIntentLinger(int64_t intent);
// The end of the call that creates the repository: it is live, or it is being removed from now on.
Rule EndCreation(int64_t intent, bool node_ok, bool told_otherwise);
// Any other end of it: the repository is being removed at once, which frees its name. The intent
// lingers, and is settled like others when the call can no longer be applied; that of an adoption,
// which changes nothing, goes with the row.
Rule AbandonCreation(int64_t intent);
// The node's own ALREADY_EXISTS, or an adoption that failed: the row goes and nothing is deleted.
Rule WithdrawCreation(int64_t intent);
// `assignments`: see assignments.h.
Rule AdoptFrom(std::vector<std::string> holders, std::string primary,
               std::vector<std::string> assignments = {});
Rule RemoveRepository();
// As SettleAgain (rules.h) has it.
Rule SettleWriteAgain(SettledWrite write);

}  // namespace praefect::datastore
