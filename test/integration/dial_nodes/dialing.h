#pragma once

// Verbs for stories about `praefect dial-nodes`: a configuration, and what is said about its nodes.

#include <map>
#include <string>
#include <vector>

#include "integration/cli/praefect_program.h"
#include "support/certificate_authority.h"
#include "support/minigitaly/node_process.h"

namespace praefect::test {

inline const std::string kToken = "hunter2 of the nodes";

// A node as Gitaly is from 16.10 on: health checks need no token, and refusals are explained.
inline NodeOptions NewGitaly(const std::string& storage, std::vector<std::string> arguments = {}) {
  arguments.insert(arguments.end(), {"-health-without-token", "-explain-refusals"});
  return {.storage = storage, .token = kToken, .arguments = std::move(arguments)};
}

// Health checks need the token, and no refusal is explained.
inline NodeOptions OldGitaly(const std::string& storage, std::vector<std::string> arguments = {}) {
  return {.storage = storage, .token = kToken, .arguments = std::move(arguments)};
}

class Dialing {
 public:
  explicit Dialing(const std::string& virtual_storage = "default") {
    config_ = "listen_addr = '0.0.0.0:2305'\n";
    AddVirtualStorage(virtual_storage);
  }

  void AddVirtualStorage(const std::string& name) {
    config_ += "[[virtual_storage]]\nname = '" + name + "'\n";
  }
  void Add(const std::string& storage, const std::string& address,
           const std::string& token = kToken) {
    config_ += "[[virtual_storage.node]]\nstorage = '" + storage + "'\naddress = '" + address +
               "'\ntoken = '" + token + "'\n";
  }
  void Add(const NodeProcess& node) { Add(node.storage(), node.address()); }
  void AddText(const std::string& text) { config_ += text; }

  // `praefect dial-nodes`, to its end. Any node that hangs is given up soon.
  Ending Run(std::vector<std::string> arguments = {}) const {
    const std::string file = folder_ / "config.toml";
    WriteFile(file, config_);
    std::vector<std::string> all = {"-config", file, "dial-nodes", "-timeout", "3s"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    all.insert(all.begin(), PRAEFECT_PROGRAM);
    const Outcome outcome = test::Run({all, environment_, {}, {}});
    return {outcome.exit_status, outcome.output, outcome.error};
  }

  // Of the machine's own trust nothing is left.
  void TrustOnly(const CertificateAuthority& authority) {
    environment_ = {{"SSL_CERT_FILE", authority.root()},
                    {"SSL_CERT_DIR", authority.empty_folder()}};
  }

  const TemporaryDirectory& folder() const { return folder_; }

 private:
  const TemporaryDirectory folder_;
  std::map<std::string, std::string> environment_;
  std::string config_;
};

// What was said about one address, in order, without "[ADDRESS]: ".
inline std::vector<std::string> LinesOf(const Ending& ending, const std::string& address) {
  const std::string prefix = "[" + address + "]: ";
  std::vector<std::string> lines;
  for (size_t at = 0, end; (end = ending.output.find('\n', at)) != std::string::npos;
       at = end + 1) {
    const std::string line = ending.output.substr(at, end - at);
    if (line.rfind(prefix, 0) == 0) lines.push_back(line.substr(prefix.size()));
  }
  return lines;
}

// Its paragraph of the report, as one line with single spaces.
inline std::string ReportOn(const Ending& ending, const std::string& address) {
  const size_t at = ending.output.find("  " + address + " (");
  if (at == std::string::npos) return "";
  const size_t begin = ending.output.rfind('\n', at) + 1;
  const size_t end = std::min(ending.output.find("\n\n", at), ending.output.size());
  std::string paragraph;
  for (const char c : ending.output.substr(begin, end - begin)) {
    const char shown = c == '\n' ? ' ' : c;
    if (shown != ' ' || !paragraph.ends_with(' ')) paragraph += shown;
  }
  return paragraph;
}

}  // namespace praefect::test
