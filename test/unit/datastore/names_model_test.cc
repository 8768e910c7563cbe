#include <absl/strings/str_join.h>

#include <catch2/catch.hpp>

#include "names_model.h"

namespace praefect::datastore {
namespace {

using Catch::Matchers::Contains;

Verdict Explore(const NamesLimits& limits, const NamesMistakes& mistakes = {}) {
  const NamesModel model(limits, mistakes);
  return Explorer<NamesModel>(model).Run();
}

struct Profile {
  const char* name;
  NamesLimits limits;
};

constexpr NamesLimits kUnknown{.start = -1, .operations = 3};
constexpr NamesLimits kLost{.start = -1, .operations = 2, .deaths = true, .lost = 1};
constexpr NamesLimits kReads{.operations = 3, .reads = 1};
constexpr NamesLimits kReadsOfUnknown{.start = 1, .operations = 3, .reads = 1};
constexpr NamesLimits kCaches{.operations = 3, .caches = true};
constexpr NamesLimits kDeaths{.operations = 3, .deaths = true};

const Profile kProfiles[] = {
    {"everything, one operation",
     {.start = -1, .operations = 1, .deaths = true, .lost = 1, .reads = 1, .caches = true}},
    {"unknown content", kUnknown},
    {"calls are lost", kLost},
    {"reads in flight", kReads},
    {"reads of unknown content", {.start = -1, .operations = 2, .reads = 1}},
    {"caches", kCaches},
    {"deaths", kDeaths},
    {"four operations", {.operations = 4}},
};

// `unit_datastore_models "[large]"`: five minutes and 3 GiB.
const Profile kLargeProfiles[] = {
    {"everything, two operations",
     {.start = -1, .operations = 2, .deaths = true, .lost = 1, .reads = 1, .caches = true}},
    {"reads", {.start = -1, .operations = 3, .reads = 1}},
    {"deaths", {.start = -1, .operations = 3, .deaths = true}},
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
  bool NamesMistakes::*made;
  NamesLimits limits;
  const char* invariant;
};

const Mistake kMistakes[] = {
    {"opens_any_name", &NamesMistakes::opens_any_name, kUnknown, "I3"},
    {"opens_any_state", &NamesMistakes::opens_any_state, kUnknown, "I3"},
    {"finds_by_cached_id", &NamesMistakes::finds_by_cached_id, kUnknown, "I3"},
    {"revives_removed", &NamesMistakes::revives_removed, kUnknown, "I7"},
    {"asks_one_node", &NamesMistakes::asks_one_node, kUnknown, "I4"},
    {"shares_places", &NamesMistakes::shares_places, kUnknown, "I7"},
    {"reads_others_places", &NamesMistakes::reads_others_places, kUnknown, "I7"},
    {"asks_before_adoption_row", &NamesMistakes::asks_before_adoption_row, kUnknown, "I7"},
    {"creates_beside_unknown", &NamesMistakes::creates_beside_unknown, kUnknown, "I3"},
    {"renames_onto_unknown", &NamesMistakes::renames_onto_unknown, kUnknown, "I3"},
    {"rows_after_calls", &NamesMistakes::rows_after_calls, kLost, "I4"},
    {"copies_without_look", &NamesMistakes::copies_without_look, kUnknown, "I7"},
    {"deletes_without_rows", &NamesMistakes::deletes_without_rows, kUnknown, "I7"},
    {"settles_without_linger", &NamesMistakes::settles_without_linger, kLost, "I7"},
    {"releases_lost_copies", &NamesMistakes::releases_lost_copies, kDeaths, "I7"},
    {"releases_lost_deletes", &NamesMistakes::releases_lost_deletes, kDeaths, "I7"},
    {"counts_any_delete", &NamesMistakes::counts_any_delete, kUnknown, "I7"},
    {"sends_after_burial", &NamesMistakes::sends_after_burial, kLost, "I7"},
    {"sends_remove_namespace", &NamesMistakes::sends_remove_namespace, kUnknown, "I7"},
    {"reuses_renamed_places", &NamesMistakes::reuses_renamed_places, kReadsOfUnknown, "I3"},
    {"hides_names", &NamesMistakes::hides_names, kCaches, "I3"},
    {"hides_opens", &NamesMistakes::hides_opens, kCaches, "I3"},
    {"trusts_unproven_cache", &NamesMistakes::trusts_unproven_cache, kCaches, "I3"},
    {"caches_unchecked", &NamesMistakes::caches_unchecked, kCaches, "I3"},
};

TEST_CASE("names: the rules keep every invariant in every interleaving") {
  for (const Profile& profile : kProfiles) CheckHolds(profile);
}

TEST_CASE("names: the rules hold at larger limits", "[.][large]") {
  for (const Profile& profile : kLargeProfiles) CheckHolds(profile);
}

TEST_CASE("names: each rule matters, without it an invariant breaks") {
  for (const Mistake& mistake : kMistakes) {
    INFO(mistake.name);
    NamesMistakes mistakes;
    mistakes.*mistake.made = true;
    const Verdict verdict = Explore(mistake.limits, mistakes);
    CHECK_THAT(verdict.broken, Contains(mistake.invariant));
    CHECK_FALSE(verdict.story.empty());
  }
}

}  // namespace
}  // namespace praefect::datastore
