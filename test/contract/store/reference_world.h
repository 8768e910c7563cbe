#pragma once

// A small reference model: what nodes hold and clients were told, kept apart from the books, which
// are moved by the product's own store. A write is a number, a disk a set of them. Whatever order
// things happen in, the books must never claim what the disks do not keep.

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "store_fixture.h"

namespace praefect::datastore {

class ReferenceWorld {
 public:
  ReferenceWorld(StoreFixture& books, uint32_t seed) : books_(books), random_(seed) {}

  // Something happens: a call begins, is applied or ends, a copy goes a step, a name changes, a
  // replica is lost, an instance dies. Then everything is held against the books.
  void Step();
  // Everything that is under way ends, and every job is done. Then all replicas must be equal.
  void ComeToRest();

  // What happened at all; a run in which nothing did proves nothing.
  int acknowledged() const { return acknowledged_; }
  int removed() const { return removed_; }
  int promoted() const { return promoted_; }

 private:
  using Disk = std::optional<std::set<int>>;  // nothing: no repository is there
  struct Write {
    Call call;
    int number = 0;
    bool creates = false;
    bool applied = false;
  };
  struct Copy {
    std::string target, source;
    int64_t run = 0;
    bool deletes = false;
    bool done = false;     // by the node
    bool lingers = false;  // nobody will complete it
  };
  struct Replicated {
    std::string name;   // empty: it is being removed, or gone
    std::string place;  // never changes
    bool renamed = false;
    bool live = false;
    std::map<std::string, Disk> disks;
    std::set<int> acknowledged;
    std::vector<Write> writes;
    std::vector<Copy> copies;
  };

  uint32_t Pick(uint32_t sides) { return static_cast<uint32_t>(random_()) % sides; }
  std::string Storage() { return std::string(1, static_cast<char>('a' + Pick(3))); }
  std::string Path() { return "p" + std::to_string(Pick(4)) + ".git"; }
  int64_t SomeId();

  void Create();
  void OpenWrite(int64_t id);
  void ApplyWrite(int64_t id);
  void EndWrite(int64_t id);
  void StartJob(int64_t id);
  void DoJob(int64_t id);
  void EndJob(int64_t id);
  void LoseJobOf(int64_t id);
  void Promote(int64_t id);
  void LoseReplica(int64_t id);
  void Rename(int64_t id);
  void Remove(int64_t id);
  void Die();

  void Apply(Replicated& repository, Write& write);
  void Settle(int64_t id, size_t which, bool node_ok, bool told_otherwise);
  void Do(Replicated& repository, Copy& copy);
  void Complete(int64_t id, size_t which);
  void Forget(int64_t id);
  bool PlaceIsTaken(const std::string& path) const;
  void GiveUpName(Replicated& repository);

  void CheckAll();
  void CheckOne(int64_t id, const Replicated& repository);

  StoreFixture& books_;
  std::mt19937 random_;
  std::map<int64_t, Replicated> repositories_;
  std::set<std::string> retired_;
  int last_write_ = 0;
  int acknowledged_ = 0, removed_ = 0, promoted_ = 0;
};

}  // namespace praefect::datastore
