#pragma once

// One storage node of a story: a real minigitaly over real repositories, which can be killed,
// brought back at its old address, and told to have faults.

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "support/certificate_authority.h"
#include "support/process.h"

namespace praefect::test {

enum class Transport { kTcp, kTls, kUnix };

struct NodeSetup {
  std::string storage;
  Transport transport = Transport::kTcp;
  std::string token;
  bool health_without_token = false;
  IssuedCertificate certificate{};  // of kTls
  std::string release{};            // of Gitaly, that it plays: "12.9"; empty: a new one
};

class StorageNode {
 public:
  // Keeps its files below `directory`. Does not start; its address is known all the same.
  StorageNode(NodeSetup setup, const std::filesystem::path& directory);

  const std::string& storage() const { return setup_.storage; }
  const std::string& address() const { return address_; }
  std::string version() const { return (setup_.release.empty() ? "18.9" : setup_.release) + ".0"; }
  pid_t pid() const { return process_->pid(); }

  void Start();  // at the same address every time
  void Crash();  // as `kill -9` does it
  // Stops, as it is, and goes on; its kernel acknowledges what is sent to it all the while.
  void Freeze();
  void Thaw();
  // Its exit code, when it runs and ends as it is asked to.
  std::optional<int> Stop();

  void ChangeToken(const std::string& token) { setup_.token = token; }  // from the next start on
  // One fault per line, as minigitaly knows them; from the next call on.
  void SetFaults(const std::string& faults) const;

  // Its disk is replaced by an empty one; it does not run.
  void LoseDisk() const;
  // Its disk goes, and the one of before comes back.
  void TakeDiskAway() const;
  void BringDiskBack() const;
  // Of its disk, as it tells it.
  std::string filesystem_id() const;

  // What is on its disk.
  std::filesystem::path Folder(const std::string& relative_path) const;
  bool Has(const std::string& relative_path) const;
  // "refs/heads/main" -> object id, by `git for-each-ref`.
  std::map<std::string, std::string> Refs(const std::string& relative_path) const;
  // "refs/heads/main", by `git symbolic-ref`.
  std::string Head(const std::string& relative_path) const;
  // Setting of the repository on disk, as an administrator makes it.
  void Configure(const std::string& relative_path, const std::string& key,
                 const std::string& value) const;

  // What reached it so far, Praefect's own probes left out: a JSON object per start and end of a
  // call.
  std::vector<nlohmann::json> Record() const;
  // Calls of "SSHReceivePack" that came in.
  size_t CallsOf(const std::string& method) const;
  std::string output() const;

 private:
  std::string FreeAddress() const;

  NodeSetup setup_;
  const std::filesystem::path directory_;
  std::string address_;
  std::optional<Process> process_;
};

}  // namespace praefect::test
