#pragma once

// What a round is about: three real storage nodes, one Praefect with an embedded store or two with
// PostgreSQL. For the thread that made it, but for what says otherwise.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "database_gate.h"
#include "e2e/praefect_daemon.h"
#include "e2e/storage_node.h"
#include "judgement.h"
#include "support/postgres_server.h"

namespace praefect::crash {

inline constexpr char kClientToken[] = "hunter2-crash-client";
inline constexpr char kVirtualStorage[] = "default";

class Site {
 public:
  // `postgres`: two Praefects with a database of this server; nullptr: one with an embedded store.
  Site(const std::filesystem::path& directory, test::PostgresServer* postgres);
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  const std::filesystem::path& directory() const { return directory_; }

  size_t nodes() const { return nodes_.size(); }
  test::StorageNode& node(size_t index) { return *nodes_.at(index); }

  size_t praefects() const { return praefects_.size(); }
  // Any thread; the same for as long as the site is there.
  std::string address(size_t praefect) const;
  void Kill(size_t praefect);
  void Start(size_t praefect);
  void Freeze(size_t praefect);
  void Thaw(size_t praefect);

  bool has_postgres() const { return postgres_ != nullptr; }
  test::PostgresServer& postgres() { return *postgres_; }
  DatabaseGate& gate(size_t praefect) { return *praefects_.at(praefect)->gate; }

  // The books, for who looks into them beside Praefect: one of the two is empty.
  std::string connection_string() const;
  std::string embedded_store() const;
  // What is still to be done by the books; empty: nothing.
  std::string Unfinished() const;
  // Whether every repository is current, and left alone, on some other node, and nothing is copied
  // to or from this one. Stays true for as long as no client does anything.
  bool CanSpareDisk(size_t node) const;
  // Whether all Praefects have read that the node's disk is another one.
  bool DoubtDisk(size_t node) const;
  // Instances in the books for which a condition of SQL holds.
  int Instances(const std::string& condition) const;
  // What lies on each node.
  std::map<std::string, Disk> Disks() const;
  // What any Praefect logged at level error: it gave something up, or found what must not be.
  std::set<std::string> Errors() const;
  // Exit codes that are not 0, and the like; empty: nothing.
  std::string Stop();

 private:
  struct Praefect {
    std::filesystem::path directory;
    std::unique_ptr<DatabaseGate> gate;
    std::string config;
    std::unique_ptr<test::PraefectDaemon> daemon;
    int starts = 0;
  };
  std::string Config(const Praefect& praefect) const;
  void KeepOutput(Praefect& praefect);
  std::string Query(const std::string& sql) const;

  const std::filesystem::path directory_;
  test::PostgresServer* const postgres_;
  std::string database_;
  std::vector<std::unique_ptr<test::StorageNode>> nodes_;
  std::vector<std::unique_ptr<Praefect>> praefects_;
};

}  // namespace praefect::crash
