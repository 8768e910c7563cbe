#pragma once

// What is known about the configured nodes at one moment: immutable, shared by reference count.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/address.h"
#include "net/tls.h"
#include "nodes/traffic.h"

namespace praefect::nodes {

enum class Health {
  kUnknown,  // not probed often enough to say: neither a good probe yet, nor two failed ones
  kUp,
  kDown,
};

// Why a storage may not be on the disk that it was on; see DiskTracker.
enum class DiskDoubt {
  kNone,
  kStorageMissing,     // the node serves no storage of this name
  kFilesystemChanged,  // it tells another filesystem_id than before
  kFilesystemShared,   // another storage of the virtual storage tells the same one
  kNotCompared,        // which one it should be was not read from the books yet, or it was not read
};

struct Disk {
  // The one that it should have by the books; while these have not told, the one that was read.
  // Empty: neither is known yet.
  std::string filesystem_id;
  DiskDoubt doubt = DiskDoubt::kNone;
  bool suspect = false;  // the doubt is no passing one
  std::string text;      // the doubt, for people
  std::string found;     // of kFilesystemChanged: the other id
  bool operator==(const Disk&) const = default;
};

struct Node {
  // The key of per-node state elsewhere: stays for as long as the node stays in the configuration
  // under its address, and is never given to another one.
  uint32_t id = 0;
  std::string virtual_storage;
  std::string storage;
  config::Address address;
  std::string address_text;  // as configured, for people
  // How its certificate is judged; of nodes with tls:// only.
  std::shared_ptr<const net::TlsClientContext> tls;
  std::string token;
  bool primary = false;  // designated: see VirtualStorage
  Health health = Health::kUnknown;
  std::string reason;  // why it is not up, for people; empty when it is, or nothing is known
  // What to look at then: "virtual_storage.node.address", "virtual_storage.node.token", or empty
  // where the configuration is not to blame. Text of the program, never freed.
  std::string_view key_to_check;
  // It is down because it gave no answer at all: its process or its host may be frozen.
  bool silent = false;
  std::string server_version, git_version;  // as the node told last; empty: not known yet
  Disk disk;
  // It answers probes and fails too many calls: why, for people; empty when it does not. Such a
  // node is told of (log, metrics), and avoided where another one can do the same. Where a virtual
  // storage has one node that may serve a call, refusing would be worse than trying.
  std::string degraded;
  // What workers count; shared by all snapshots.
  std::shared_ptr<Traffic> traffic = std::make_shared<Traffic>();

  // Calls may go there. A node of which nothing is known yet is tried: what is asked right after
  // the start must not fail for want of a probe.
  bool routable() const { return health != Health::kDown; }
  // So may calls of mutators: nothing is written to a disk that may be the wrong one.
  bool writable() const { return routable() && disk.doubt == DiskDoubt::kNone; }
};

struct VirtualStorage {
  std::string name;
  std::vector<Node> nodes;  // in file order; never empty
  // The storage that is to be the primary of its repositories: by this process's configuration
  // (empty: it names none), and by the books, which know the files of all (empty: they have not
  // told, or no file names one). Node::primary is the latter, else the former, else the first node.
  std::string designated_by_file, designated;
  int64_t replication_factor = 0;  // on so many storages a new repository shall lie; 0: on all
  const Node& primary() const;     // the designated one, whatever its health
  const Node* Find(std::string_view storage) const;  // nullptr: there is none
};

struct Snapshot {
  std::vector<VirtualStorage> virtual_storages;  // in file order; never empty
  // Once something was known about every node. A node that a reload adds does not end that.
  bool started = false;
  const VirtualStorage* Find(std::string_view name) const;  // nullptr: there is none
  const Node* FindNode(uint32_t id) const;                  // likewise
  const Node* FindUnknown() const;  // the first one of which no probe has said anything; likewise
};

}  // namespace praefect::nodes
