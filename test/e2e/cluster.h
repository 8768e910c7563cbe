#pragma once

// A cluster for one story: storage nodes, one Praefect in front of them, and clients that know
// nothing but Praefect. What must hold for every story is checked at the end of each: Praefect and
// the nodes end with exit code 0 when asked to, and no process or temporary file is left.

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "e2e/praefect_daemon.h"
#include "e2e/storage_node.h"
#include "e2e/working_copy.h"

namespace praefect::test {

struct VirtualStorageSetup {
  std::string name;
  std::vector<std::string> storages;  // the first one is the primary
  int replication_factor = 0;         // of new repositories; 0: on every node
};

struct ClusterSetup {
  Transport transport = Transport::kTcp;  // of Praefect and of the nodes
  std::vector<VirtualStorageSetup> virtual_storages = {
      {"default", {"gitaly-1", "gitaly-2", "gitaly-3"}}};
  std::string graceful_stop_timeout = "20s";
  std::string graceful_stop_delay = "0s";
  std::string keepalive_timeout = "10s";
  std::string failover;  // lines of [failover]
  std::string database;  // lines of [database]
  // Lines of [replication]; lingers are short, so that what a call left is settled soon.
  std::string replication = "linger = '100ms'\nlost_linger = '70s'\n";
  CertificateWish node_certificate;  // over TLS
  std::string node_token;            // the one that Praefect sends; empty: the nodes' own
  bool health_without_token = false;
  bool nodes_up = true;                         // before Praefect starts
  std::map<std::string, std::string> releases;  // of Gitaly, that storages play, where it is old
};

// One node: nobody stands in for it.
inline ClusterSetup OneNode(ClusterSetup setup = {}) {
  setup.virtual_storages = {{"default", {"gitaly-1"}}};
  return setup;
}

class Cluster {
 public:
  explicit Cluster(ClusterSetup setup = {});
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();

  PraefectDaemon& praefect() { return *praefect_; }
  // Over TLS: what Praefect shows, and who signed it.
  const IssuedCertificate& certificate() const { return certificate_; }
  CertificateAuthority& authority() { return *authority_; }
  // In the order of the configuration; the first one is the first virtual storage's primary.
  StorageNode& node(size_t index) { return *nodes_.at(index); }
  StorageNode& primary() { return node(0); }
  const std::string& config() const { return config_; }
  // For files of a story; gone when it is.
  std::filesystem::path Scratch(const std::string& name) const { return directory_ / name; }

  // Praefect again with the same configuration; the old one has ended.
  void RestartPraefect();

  // Edits the configuration and lets Praefect read it again. `old_text` stands in it.
  void Reload(const std::string& old_text, const std::string& new_text);
  const std::string& client_token() const { return client_token_; }
  const std::string& node_token() const { return node_token_; }

  // What a client of Praefect has in its environment.
  std::map<std::string, std::string> Environment(const std::string& virtual_storage = "") const;
  // One RPC with JSON requests through Praefect; "RepositoryService/RepositoryExists".
  Outcome Call(const std::string& method, const std::vector<nlohmann::json>& requests,
               const std::map<std::string, std::string>& environment = {}) const;
  // {"storageName": ..., "relativePath": ...}
  nlohmann::json Repository(const std::string& relative_path,
                            const std::string& virtual_storage = "") const;
  void Create(const std::string& relative_path, const std::string& virtual_storage = "") const;

  // A new working copy, with Praefect as its origin.
  WorkingCopy NewWorkingCopy(const std::string& relative_path,
                             const std::string& virtual_storage = "");
  // `git clone [options] praefect:PATH`, which must work.
  WorkingCopy Clone(const std::string& relative_path, const std::vector<std::string>& options = {},
                    const std::string& virtual_storage = "");
  // The same, whatever becomes of it.
  Outcome TryClone(const std::string& relative_path,
                   const std::map<std::string, std::string>& environment = {});
  // One commit pushed to a new repository.
  WorkingCopy CreateWithCommit(const std::string& relative_path);

 private:
  std::string MakeConfig() const;
  std::string ListenerConfig() const;
  std::map<std::string, std::string> Trust() const;
  void AddNodes(const VirtualStorageSetup& storage);
  std::filesystem::path NewFolder();
  void CheckPraefectEnds();
  void CheckNodesEnd();
  void CheckNothingIsLeft() const;

  const ClusterSetup setup_;
  const std::string client_token_, node_token_;
  const TemporaryDirectory directory_;
  std::optional<CertificateAuthority> authority_;  // of a cluster over TLS
  IssuedCertificate certificate_;                  // Praefect's
  IssuedCertificate node_certificate_;             // of all nodes
  std::vector<std::unique_ptr<StorageNode>> nodes_;
  std::string config_;
  std::optional<PraefectDaemon> praefect_;
  int folders_ = 0;
};

}  // namespace praefect::test
