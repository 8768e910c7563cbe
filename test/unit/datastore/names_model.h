#pragma once

// Two paths, two nodes, two Praefects of which one has a cache: creations, writes, renames,
// removals and adoptions in every interleaving, with calls that outlive their caller, unknown
// directories on the nodes, and a node that joins late. What happens to a repository's replicas
// follows the product's rules.
//
// Bounded: a repository keeps its primary (replica_model.h has promotions); a copy reads, writes
// and claims in one step, and an OK is settled where it is given; both nodes are asked in one step;
// only the second Praefect dies, and runs the jobs while it lives; its cache would behave as the
// first one's.

#include <array>

#include "explorer.h"

namespace praefect::datastore {

struct NamesLimits {
  // What lies on the nodes at first: 0 nothing, 1 or 2 something unknown at P on that node, 3 on
  // the second, which joins later. -1: any of these.
  int start = 0;
  int operations = 2;
  bool deaths = false;  // of the second Praefect
  int lost = 0;         // calls whose connection breaks
  int reads = 0;        // that are routed and land later
  bool caches = false;
};

// What a product without one of the rules would do.
struct NamesMistakes {
  bool opens_any_name = false;
  bool opens_any_state = false;
  bool finds_by_cached_id = false;   // rename and removal
  bool revives_removed = false;      // the settle of a creation does not look at the state
  bool asks_one_node = false;        // before a creation
  bool shares_places = false;        // a new repository at the replica path of another
  bool reads_others_places = false;  // a path that is a replica path counts as unknown
  bool asks_before_adoption_row = false;
  bool creates_beside_unknown = false;  // a creator does not adopt what lies there
  bool renames_onto_unknown = false;
  bool rows_after_calls = false;
  bool copies_without_look = false;  // onto what lies at the replica path of a new storage
  bool deletes_without_rows = false;
  bool settles_without_linger = false;
  bool releases_lost_copies = false;
  bool releases_lost_deletes = false;
  bool counts_any_delete = false;  // one that began with calls in flight
  bool sends_after_burial = false;
  bool sends_remove_namespace = false;  // to the nodes
  bool reuses_renamed_places = false;
  bool hides_names = false;  // renames and removals do not notify
  bool hides_opens = false;
  bool trusts_unproven_cache = false;
  bool caches_unchecked = false;  // what was notified of since its query began
};

class NamesModel {
 public:
  static constexpr int kPaths = 2, kNodes = 2, kIds = 3, kMaxOperations = 4;
  static constexpr int kPlaces =
      kPaths + kIds;  // the paths, and a place of its own for each repository
  static constexpr uint8_t kUnknownContent = 7;

  enum Kind : uint8_t { kCreate, kWrite, kRemove, kRename, kRemoveNamespace };
  enum Phase : uint8_t {
    kUnused,
    kRouting,
    kAsked,
    kRouted,
    kSent,
    kUnproven,
    kAdopting,
    kAdoptionRecorded,
    kAdoptionAsked,
    kDone
  };
  enum OnNode : uint8_t {
    kNowhere,
    kPending,
    kAsleep
  };  // kAsleep: in the memory of a buried process
  enum Existence : uint8_t { kNever, kInBooks, kGone };
  enum Harm : uint8_t {
    kNoHarm,
    kWroteOther,
    kOverwrote,
    kDeleted,
    kReadOther,
    kRemovedOther,
    kCameBack
  };

  struct Operation {
    uint8_t kind, instance, path, phase, repository, node, found, call, intent;
  };
  struct Row {  // generations are 0 none, 1 behind, 2 current
    uint8_t row, generation, job, kind, claim, quiet, worker;
  };
  struct Repository {
    uint8_t existence, state, name /* path + 1; 0 none */, place, primary, renamed, acknowledged;
    std::array<Row, kNodes> row;
  };
  struct Directory {
    uint8_t maker /* 0 nothing, id + 1, kUnknownContent */, writes;
  };
  struct CachedRoute {
    uint8_t repository /* id + 1 */, path, secondary;
  };
  struct Stray {  // a copy or delete that outlived the release of its replica
    uint8_t kind /* JobKind + 1 */, repository, node;
  };
  struct Read {  // in flight
    uint8_t active, path, place, node, allowed /* makers whose content it may see */;
  };
  struct State {
    std::array<Operation, kMaxOperations> operation;
    std::array<Repository, kIds> repository;
    std::array<std::array<Directory, kNodes>, kPlaces> directory;
    CachedRoute cache, query;
    Stray stray;
    Read read;
    uint8_t notifications;  // on their way to the cache, by id
    uint8_t dead, joined, late, lost, reads, harm;
  };

  NamesModel(const NamesLimits& limits, const NamesMistakes& mistakes)
      : limits_(limits), mistakes_(mistakes) {}

  std::vector<State> Start() const;
  void Steps(const State& state, Emit<State> emit) const;
  State Canonical(const State& state) const;
  const char* Broken(const State& state) const;
  const char* Unfinished(const State& state) const;

  // Facts that steps and invariants both need.
  static int Holder(const State& state, int path);  // the id that has the name, or -1
  static bool IsPlace(const State& state, int path, const NamesMistakes& mistakes);
  static int PlaceOf(const State& state, int id);

 private:
  const NamesLimits limits_;
  const NamesMistakes mistakes_;
};

}  // namespace praefect::datastore
