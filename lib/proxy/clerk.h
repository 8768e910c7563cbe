#pragma once

// What has to be asked of all nodes, or decided over a name, before a call can go anywhere:
// creating a repository, taking one over that was there before Praefect, finding one that nobody
// recorded, removing, renaming, listing. Names are decided under the lock of their row, never by
// what was cached.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "datastore/bookkeeper.h"
#include "datastore/unknown_contents.h"
#include "proxy/node_client.h"
#include "routing/route.h"

namespace praefect::proxy {

struct ClerkOptions {
  // How long a creator waits for another one of the same name: `replication.create_wait`.
  std::chrono::milliseconds create_wait{10'000};
  size_t threads = 8;             // so many names at a time; each waits for nodes and the database
  size_t max_waiting = 1'000;     // more are refused
  size_t max_namespace = 10'000;  // repositories that are renamed at a time
  // Virtual storages that are listed at a time, each by one thread for as long as its nodes walk
  // their disks; more are refused.
  size_t max_listings = 2;
};

// Where a call goes, or how it ended.
struct Decision {
  enum Kind {
    kRecorded,  // Create: the call goes to `storage`, at `replica_path`, and ends with `write`
    kKnown,     // the books have the repository: it is routed by them, anew
    // Locate: nobody's repository. `storage` has it, at the path that was named; or is the primary,
    // whose answer stands when nobody has it.
    kElsewhere,
    kDone,    // Remove, Rename
    kListed,  // List: `listing`
    kNamed,   // NameOf: `name`
    kNotFound,
    kRefused,
  };
  Kind kind = kRefused;
  datastore::Write write{};
  std::string storage, replica_path;
  std::deque<std::string> listing;  // WalkReposResponses, each with its prefix; in pieces
  std::string name;                 // a relative path; empty: it has none any more
  routing::Refusal refusal{};       // kRefused
};

// Thread-safe. Its threads block.
class Clerk {
 public:
  // Called once, on a thread of the clerk, or inside the call that is refused at once.
  using Done = std::function<void(Decision)>;
  using Name = datastore::RepositoryName;
  using SnapshotSource = std::function<std::shared_ptr<const nodes::Snapshot>()>;

  // What is referred to outlives it.
  Clerk(datastore::Bookkeeper& keeper, datastore::UnknownContents& unknown, const NodeClient& nodes,
        SnapshotSource snapshot, ClerkOptions options);
  ~Clerk();  // Stop
  Clerk(const Clerk&) = delete;
  Clerk& operator=(const Clerk&) = delete;

  // A call that creates: kRecorded; or kKnown where it is there already, or was taken over now: the
  // call is then an ordinary write.
  void Create(Name name, db::Deadline deadline, Done done);
  // A write to what the books do not know: kKnown once it is taken over, or kNotFound.
  void Adopt(Name name, db::Deadline deadline, Done done);
  // A read of what the books do not know: kElsewhere; kNotFound for what lies in or around the
  // place of another repository, or is being created; kKnown where the books do know it.
  void Locate(Name name, db::Deadline deadline, Done done);
  // kDone when the books have forgotten the name: what is left of it on disks is deleted later.
  void Remove(Name name, db::Deadline deadline, Done done);
  void Rename(Name from, std::string to, db::Deadline deadline, Done done);

  // Namespaces are directories in the books; nodes are only asked what lies there that nobody
  // recorded. kDone when the books and the nodes have nothing in it.
  void RemoveNamespace(Name directory, db::Deadline deadline, Done done);
  // All repositories in it at once, after taking over those that were there before Praefect.
  void RenameNamespace(Name from, std::string to, db::Deadline deadline, Done done);

  // What clients see of a virtual storage: the repositories of the books by their names, and what
  // lies on any node and nobody recorded. Every node walks its disk for it, and has to answer.
  void List(std::string virtual_storage, db::Deadline deadline, Done done);
  // How clients know what lies at a replica path: kNamed.
  void NameOf(Name place, db::Deadline deadline, Done done);

  // Who waits is refused; what was begun ends first. NodeCalls::Stop makes that soon.
  void Stop();

 private:
  using Work = std::function<Decision()>;
  struct Entry {
    Work work;
    Done done;
  };

  void Hand(Work work, Done done);
  void Run();

  Decision CreateNow(const Name& name, db::Deadline deadline);
  Decision CreateOnce(const Name& name, db::Deadline deadline);
  Decision AdoptNow(const Name& name, db::Deadline deadline);
  Decision AdoptRecorded(const datastore::Write& write, const Name& name, db::Deadline deadline);
  Decision RefuseDiffering(const Name& name, std::vector<datastore::UnknownContent> contents,
                           db::Deadline deadline);
  Decision LocateNow(const Name& name, db::Deadline deadline);
  Decision RemoveNow(const Name& name, db::Deadline deadline);
  Decision RenameNow(const Name& from, const std::string& to, db::Deadline deadline);

  Decision RemoveNamespaceNow(const Name& directory, db::Deadline deadline);
  Decision RenameNamespaceNow(const Name& from, const std::string& to, db::Deadline deadline);

  Decision ListNow(const std::string& virtual_storage, db::Deadline deadline);
  Decision ListOnce(const std::string& virtual_storage, db::Deadline deadline) const;
  Decision NameOfNow(const Name& place, db::Deadline deadline) const;

  // What lies in a directory of any node, and is in no book.
  struct Unrecorded {
    std::optional<Decision> refused;  // why it is not known
    std::set<std::string> paths;
  };
  Unrecorded FindUnrecorded(const Name& directory, db::Deadline deadline) const;

  // All of a virtual storage, the primary first; none when it is gone.
  std::vector<NodePtr> NodesOf(const std::string& virtual_storage) const;
  // What lies on each of them. One that is known to be down is not waited for.
  struct Walked {
    std::string unanswered;  // why it is not known; empty: it is
    std::vector<WalkedRepository> repositories;
  };
  Walked WalkAll(const std::string& virtual_storage, std::chrono::milliseconds timeout) const;
  // Every configured node's answer, the primary's first.
  struct Holders {
    std::vector<NodePtr> have, have_not;
    std::string unanswered;  // why not all are among these; empty: all are
  };
  Holders AskAll(const Name& name) const;
  datastore::Result<std::optional<datastore::Repository>> Find(const Name& name,
                                                               db::Deadline deadline) const;
  datastore::Result<bool> Overlaps(const Name& name, db::Deadline deadline) const;

  datastore::Bookkeeper& keeper_;
  datastore::UnknownContents& unknown_;
  const NodeClient& nodes_;
  const SnapshotSource snapshot_;
  const ClerkOptions options_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> waiting_;         // guarded by mutex_
  size_t listings_ = 0;               // under way; guarded by mutex_
  bool stopping_ = false;             // guarded by mutex_
  std::vector<std::thread> threads_;  // until Stop
};

}  // namespace praefect::proxy
