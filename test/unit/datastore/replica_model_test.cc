#include <catch2/catch.hpp>

#include <absl/strings/str_join.h>

#include "replica_model.h"

namespace praefect::datastore {
namespace {

using Catch::Matchers::Contains;

Verdict Explore(const ReplicaLimits& limits, const ReplicaMistakes& mistakes = {}) {
  const ReplicaModel model(limits, mistakes);
  return Explorer<ReplicaModel>(model).Run();
}

struct Profile {
  const char* name;
  ReplicaLimits limits;
};

constexpr ReplicaLimits kCore{.writes = 2, .promotions = 1};
constexpr ReplicaLimits kOwners{.writes = 2, .promotions = 1, .owners = 1};
constexpr ReplicaLimits kWorkers{.writes = 1, .promotions = 1, .workers = 1};
constexpr ReplicaLimits kFrozenOwner{.writes = 2, .promotions = 1, .owners = 1, .freeze = true};
constexpr ReplicaLimits kFrozenWorker{.writes = 1, .promotions = 1, .workers = 1, .freeze = true};
constexpr ReplicaLimits kParts{
    .writes = 2, .promotions = 1, .owners = 1, .freeze = true, .parts = true};
constexpr ReplicaLimits kRepeat{
    .writes = 2, .promotions = 1, .owners = 1, .freeze = true, .repeat = true};
constexpr ReplicaLimits kWithdrawal{.writes = 2, .promotions = 1, .withdrawals = 1};
constexpr ReplicaLimits kWithdrawalAndWorker{
    .writes = 1, .promotions = 1, .workers = 1, .withdrawals = 1, .freeze = true};
constexpr ReplicaLimits kDisk{.writes = 2, .disks = 1};
constexpr ReplicaLimits kDiskAndPromotion{.writes = 2, .promotions = 1, .disks = 1};

const Profile kProfiles[] = {
    {"two writes, two promotions", {.writes = 2, .promotions = 2}},
    {"an owner and a worker die", {.writes = 2, .promotions = 1, .owners = 1, .workers = 1}},
    {"an owner is buried alive", kFrozenOwner},
    {"two owners of one write each", {.writes = 2, .owners = 2, .freeze = true}},
    {"a worker is buried alive", {.writes = 2, .promotions = 1, .workers = 1, .freeze = true}},
    {"an owner and a worker are buried alive",
     {.writes = 1, .promotions = 2, .owners = 1, .workers = 1, .freeze = true}},
    {"writes in two parts", kParts},
    {"replies of settles are lost", kRepeat},
    {"two withdrawals", {.writes = 1, .promotions = 1, .withdrawals = 2}},
    {"a withdrawal during writes", {.writes = 2, .withdrawals = 1}},
    {"a withdrawal and a worker", kWithdrawalAndWorker},
    {"a withdrawal and an owner",
     {.writes = 1, .promotions = 1, .owners = 1, .withdrawals = 1, .freeze = true}},
    {"a disk is exchanged", kDisk},
    {"two disks are exchanged", {.writes = 1, .promotions = 1, .disks = 2}},
    {"a disk and a worker",
     {.writes = 1, .promotions = 1, .workers = 1, .disks = 1, .freeze = true}},
};

// What the nightly hour can afford: `unit_datastore_models "[large]"`, three minutes and 3 GiB.
const Profile kLargeProfiles[] = {
    {"deaths", {.writes = 2, .promotions = 2, .owners = 1, .workers = 1}},
    {"two frozen owners", {.writes = 2, .promotions = 1, .owners = 2, .freeze = true}},
    {"frozen owner and worker",
     {.writes = 2, .promotions = 1, .owners = 1, .workers = 1, .freeze = true}},
    {"withdrawals", {.writes = 2, .promotions = 1, .withdrawals = 2}},
    {"withdrawal and owner",
     {.writes = 2, .promotions = 1, .owners = 1, .withdrawals = 1, .freeze = true}},
    {"withdrawal and worker",
     {.writes = 2, .promotions = 1, .workers = 1, .withdrawals = 1, .freeze = true}},
    {"disk", kDiskAndPromotion},
};

void CheckHolds(const Profile& profile) {
  INFO(profile.name);
  const Verdict verdict = Explore(profile.limits);
  INFO(absl::StrJoin(verdict.story, "\n"));
  CHECK(verdict.broken == "");
  CHECK(verdict.states > 100);
}

struct Mistake {
  const char* name;
  bool ReplicaMistakes::*made;
  ReplicaLimits limits;
  const char* invariant;  // the first that it breaks
};

const Mistake kMistakes[] = {
    {"answers_before_settle", &ReplicaMistakes::answers_before_settle, kCore, "I1"},
    {"settles_in_any_term", &ReplicaMistakes::settles_in_any_term, kCore, "I1"},
    {"settles_without_lock", &ReplicaMistakes::settles_without_lock, kCore, "I1"},
    {"drops_refused_ends", &ReplicaMistakes::drops_refused_ends, kCore, "I2"},
    {"settles_without_linger", &ReplicaMistakes::settles_without_linger, kCore, "I2"},
    {"forgets_dead_owners", &ReplicaMistakes::forgets_dead_owners, kOwners, "I2"},
    {"binds_by_unacknowledged", &ReplicaMistakes::binds_by_unacknowledged, kCore, "I5"},
    {"sends_after_burial", &ReplicaMistakes::sends_after_burial, kFrozenOwner, "I2"},
    {"tests_window_early", &ReplicaMistakes::tests_window_early, kFrozenOwner, "I2"},
    {"feeds_after_burial", &ReplicaMistakes::feeds_after_burial, kParts, "I2"},
    {"settles_late_in_any_term", &ReplicaMistakes::settles_late_in_any_term, kFrozenOwner, "I1"},
    {"settles_twice", &ReplicaMistakes::settles_twice, kRepeat, "I5"},
    {"acknowledges_what_was_denied", &ReplicaMistakes::acknowledges_what_was_denied, kRepeat, "I5"},
    {"releases_lost_copies", &ReplicaMistakes::releases_lost_copies, kWorkers, "I6"},
    {"copies_after_burial", &ReplicaMistakes::copies_after_burial, kFrozenWorker, "I6"},
    {"starts_copies_without_lock", &ReplicaMistakes::starts_copies_without_lock, kCore, "I6"},
    {"claims_what_source_holds_at_end", &ReplicaMistakes::claims_what_source_holds_at_end, kCore,
     "I2"},
    {"forgets_wanted", &ReplicaMistakes::forgets_wanted, kCore, "I4"},
    {"completes_without_run", &ReplicaMistakes::completes_without_run, kWithdrawalAndWorker, "I1"},
    {"promotes_incomplete", &ReplicaMistakes::promotes_incomplete, kCore, "I1"},
    {"promotes_busy", &ReplicaMistakes::promotes_busy, kCore, "I6"},
    {"promotes_without_raise", &ReplicaMistakes::promotes_without_raise, kCore, "I4"},
    {"keeps_targets_of_withdrawn", &ReplicaMistakes::keeps_targets_of_withdrawn, kWithdrawal, "I1"},
    {"claims_after_withdrawal", &ReplicaMistakes::claims_after_withdrawal, kWithdrawal, "I1"},
    {"keeps_withdrawn_primary", &ReplicaMistakes::keeps_withdrawn_primary, kWithdrawal, "I4"},
    {"suspect_keeps_copies", &ReplicaMistakes::suspect_keeps_copies, kDiskAndPromotion, "I1"},
};

TEST_CASE("replicas: the rules keep every invariant in every interleaving") {
  for (const Profile& profile : kProfiles) CheckHolds(profile);
}

TEST_CASE("replicas: the rules hold at larger limits", "[.][large]") {
  for (const Profile& profile : kLargeProfiles) CheckHolds(profile);
}

TEST_CASE("replicas: each rule matters, without it an invariant breaks") {
  for (const Mistake& mistake : kMistakes) {
    INFO(mistake.name);
    ReplicaMistakes mistakes;
    mistakes.*mistake.made = true;
    const Verdict verdict = Explore(mistake.limits, mistakes);
    CHECK_THAT(verdict.broken, Contains(mistake.invariant));
    CHECK_FALSE(verdict.story.empty());
  }
}

}  // namespace
}  // namespace praefect::datastore
