#pragma once

// A running minigitaly, as tests and demonstrations of Praefect need it. Link minigitaly_process.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

namespace praefect::test {

struct NodeOptions {
  std::string storage = "gitaly-1";
  std::string token = "node secret";
  std::string listen = "tcp://127.0.0.1:0";
  std::vector<std::string> arguments;  // further ones
};

class NodeProcess {
 public:
  // Keeps everything below a folder of its own. Throws when the node does not start.
  explicit NodeProcess(NodeOptions options = {});

  const std::string& address() const { return address_; }
  const std::string& storage() const { return options_.storage; }
  const std::string& token() const { return options_.token; }
  Process& process() { return *process_; }

  // Where a repository lies on disk.
  std::filesystem::path Folder(const std::string& relative_path) const;
  // For stock git to reach this node: git clone node:RELATIVE_PATH.
  std::map<std::string, std::string> GitEnvironment() const;
  // The value of the `gitaly-servers` metadata that names this node.
  std::string GitalyServers() const;

  // Replaces the faults of the running node; every call from now on has these.
  void SetFaults(const std::vector<std::string>& faults) const;
  // The record so far, one JSON object per line.
  std::vector<std::string> Record() const;

  // Ends the node with a signal, and starts it again on the same address.
  void Restart(int signal);

 private:
  void Start(const std::string& listen);

  const NodeOptions options_;
  const TemporaryDirectory folder_;
  std::string address_;
  std::unique_ptr<Process> process_;
};

// Paths of the programs in the build tree.
std::string MinigitalyProgram();
std::string GitPraefectSshProgram();

// The environment for stock git to go through git-praefect-ssh.
std::map<std::string, std::string> GitOverSsh(const std::string& address, const std::string& token,
                                              const std::string& storage);

}  // namespace praefect::test
