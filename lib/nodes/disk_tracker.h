#pragma once

// Whether a node's storage is still on the disk that it was on. Without a clock.

#include <chrono>
#include <string>

#include "nodes/server_facts.h"
#include "nodes/snapshot.h"

namespace praefect::nodes {

// A storage is known by its filesystem_id, as ServerInfo tells it: the one that it should have is
// said by Expect. Nothing is written there until that was told and the id was read, or a reading
// tells none. An empty id means unknown, never a change. From the first reading on that differs
// (another id, or the storage is not served at all) there is a doubt; after kReadings of them over
// kSuspectAfter the disk is suspect. Only the id that it had before ends that (or, where the
// storage was merely missing, the storage).
class DiskTracker {
 public:
  static constexpr int kReadings = 3;
  static constexpr std::chrono::milliseconds kSuspectAfter{10'000};

  DiskTracker();

  // What the books say; of a storage that they do not know yet it is the one that was read.
  void Expect(std::chrono::milliseconds now, const std::string& id);
  // `storage`: the name that is configured. Facts without any storage say nothing.
  void Observe(std::chrono::milliseconds now, const ServerFacts& facts, const std::string& storage);

  const Disk& disk() const { return disk_; }

 private:
  void Compare(std::chrono::milliseconds now, const std::string& id);
  void Differs(std::chrono::milliseconds now, DiskDoubt doubt, std::string text);
  void Agrees();

  Disk disk_;
  bool awaits_ = true;                  // what the books say
  std::string read_;                    // the last id that was not empty
  std::chrono::milliseconds since_{0};  // the first of the readings that differ
  int readings_ = 0;                    // that differ, in a row
};

// Of two storages of one virtual storage with the same id, which is not empty, one gets a doubt:
// the one that is not the primary, or else the later one. It is suspect at once.
void DoubtSharedDisks(VirtualStorage& virtual_storage);

}  // namespace praefect::nodes
