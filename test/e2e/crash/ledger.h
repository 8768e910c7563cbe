#pragma once

// What the clients know: which repositories there must be, under which name, and what their
// references may be. Kept apart from Praefect's books, which are what is on trial.
//
// A client's exit code 0 makes something certain; every other end leaves both possible. Every
// reference is one client's, bears the number of its project ("refs/heads/p7-t2-0"), and gets every
// value once, so that whatever is found on a disk tells where it comes from.

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

namespace praefect::crash {

// A path that repositories have one after the other. Who pushes to it holds it shared, who makes a
// new repository of it exclusively: so a push cannot be meant for an earlier one.
struct Name {
  explicit Name(std::string its_path) : path(std::move(its_path)) {}
  const std::string path;
  std::shared_mutex in_use;
};

struct Reference {
  std::string kept;             // what was acknowledged last; empty: nothing, or its deletion
  std::set<std::string> maybe;  // what was tried since and may be there
  bool in_doubt = false;        // an attempt ended without an answer, ever
};

enum class Fate { kThere, kInDoubt, kGone };

struct Project {
  int number = 0;
  int owner = 0;  // the client that creates, renames and removes it
  Fate fate = Fate::kInDoubt;
  std::set<std::string> names;  // it has one of these
  std::map<std::string, Reference> references;
  std::set<std::string> heads;  // what HEAD may be; empty: as it was created

  bool usable() const { return fate == Fate::kThere && names.size() == 1; }
  // "refs/heads/p7-"; no reference of another project begins so.
  std::string prefix() const;
};

// The project that a reference belongs to; -1 when it is nobody's.
int ProjectOf(const std::string& reference);

// Thread-safe; what it hands out by reference stays where it is.
class Ledger {
 public:
  Name& NewName();
  // One that a removed or renamed repository had, or a new one.
  Name& UsedName(uint32_t chance);
  Name& Named(const std::string& path);
  std::set<std::string> AllNames() const;

  // Returns the project's number. Nothing of it is certain yet.
  int Begin(int owner, const std::string& name);
  void Created(int project);
  void BeginRename(int project, const std::string& to);
  void Renamed(int project, const std::string& from);
  void BeginRemoval(int project);
  void Removed(int project);
  void BeginHead(int project, const std::string& head);
  void HeadSet(int project, const std::string& head);

  // An empty value deletes.
  void BeginPush(int project, const std::string& reference, const std::string& value);
  void Pushed(int project, const std::string& reference, const std::string& value);
  void PushInDoubt(int project, const std::string& reference);

  Project Get(int project) const;
  std::vector<int> Usable(int owner = -1) const;  // owner -1: of all
  std::vector<Project> All() const;

  struct Counts {
    uint64_t acknowledged = 0;  // pushes
    uint64_t in_doubt = 0;
    uint64_t created = 0, renamed = 0, removed = 0;
  };
  Counts counts() const;
  // Something that is wrong before the end.
  void Fail(const std::string& what);
  std::vector<std::string> Failures() const;

 private:
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::deque<Name> names_;
  std::vector<std::string> free_names_;
  std::vector<Project> projects_;
  Counts counts_;
  std::vector<std::string> failures_;
};

}  // namespace praefect::crash
