#pragma once

// Whether a node's storage is still on the disk that it was on. Without a clock.

#include <chrono>
#include <string>

#include "nodes/server_facts.h"
#include "nodes/snapshot.h"

namespace praefect::nodes {

// A storage is known by its filesystem_id, as ServerInfo tells it: the first one that is not empty
// counts, for as long as this process runs. An empty id means unknown, never a change. From the
// first reading on that differs (another id, or the storage is not served at all) there is a doubt;
// after kReadings of them over kSuspectAfter the disk is suspect. Only the id that it had before
// ends that (or, where the storage was merely missing, the storage).
class DiskTracker {
 public:
  static constexpr int kReadings = 3;
  static constexpr std::chrono::milliseconds kSuspectAfter{10'000};

  // `storage`: the name that is configured. Facts without any storage say nothing.
  void Observe(std::chrono::milliseconds now, const ServerFacts& facts, const std::string& storage);

  const Disk& disk() const { return disk_; }

 private:
  void Differs(std::chrono::milliseconds now, DiskDoubt doubt, std::string text);
  void Agrees();

  Disk disk_;
  std::chrono::milliseconds since_{0};  // the first of the readings that differ
  int readings_ = 0;                    // that differ, in a row
};

// Of two storages of one virtual storage with the same id, which is not empty, one gets a doubt:
// the one that is not the primary, or else the later one. It is suspect at once.
void DoubtSharedDisks(VirtualStorage& virtual_storage);

}  // namespace praefect::nodes
