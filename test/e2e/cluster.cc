#include "e2e/cluster.h"

#include <dirent.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

std::string NewToken(const char* of_what) {
  std::random_device random;
  return fmt::format("{}-{}-{:08x}{:08x}", kSecretMark, of_what, random(), random());
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Command lines of processes that mention `text` in their arguments or their environment.
std::vector<std::string> ProcessesThatMention(const std::string& text) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (pid == std::to_string(getpid())) continue;
    const std::string arguments = ReadFile(entry.path() / "cmdline");
    if (Contains(arguments, text) || Contains(ReadFile(entry.path() / "environ"), text)) {
      found.push_back(pid + ": " + arguments);
    }
  }
  return found;
}

std::string NodeTable(const StorageNode& node, const std::string& token, bool primary) {
  return fmt::format(
      "[[virtual_storage.node]]\nstorage = '{}'\naddress = '{}'\ntoken = '{}'\nprimary = {}\n",
      node.storage(), node.address(), token, primary);
}

}  // namespace

Cluster::Cluster(ClusterSetup setup)
    : setup_(std::move(setup)), client_token_(NewToken("client")), node_token_(NewToken("node")) {
  fs::create_directory(directory_ / "tmp");
  if (setup_.transport == Transport::kTls) {
    certificate_ = authority_.emplace().Issue();
    node_certificate_ = authority_->Issue(setup_.node_certificate);
  }
  for (const VirtualStorageSetup& storage : setup_.virtual_storages) AddNodes(storage);
  for (const auto& node : nodes_) {
    if (setup_.nodes_up) node->Start();
  }
  config_ = MakeConfig();
  praefect_.emplace(directory_ / "praefect", config_, Trust());
  praefect_->WaitUntilListening();
}

Cluster::~Cluster() {
  CheckPraefectEnds();
  CheckNodesEnd();
  CheckNothingIsLeft();
}

void Cluster::AddNodes(const VirtualStorageSetup& storage) {
  for (const std::string& name : storage.storages) {
    const auto release = setup_.releases.find(name);
    nodes_.push_back(std::make_unique<StorageNode>(
        NodeSetup{name, setup_.transport, node_token_, setup_.health_without_token,
                  node_certificate_, release == setup_.releases.end() ? "" : release->second},
        directory_.path()));
  }
}

std::string Cluster::MakeConfig() const {
  std::string config = ListenerConfig();
  config += fmt::format(
      "prometheus_listen_addr = '127.0.0.1:0'\ngraceful_stop_timeout = '{}'\n"
      "graceful_stop_delay = '{}'\nkeepalive_timeout = '{}'\n"
      "[logging]\nformat = 'json'\n[auth]\ntoken = '{}'\n",
      setup_.graceful_stop_timeout, setup_.graceful_stop_delay, setup_.keepalive_timeout,
      client_token_);
  if (!setup_.failover.empty()) config += "[failover]\n" + setup_.failover;
  if (!setup_.database.empty()) config += "[database]\n" + setup_.database;
  if (!setup_.replication.empty()) config += "[replication]\n" + setup_.replication;
  const std::string& token = setup_.node_token.empty() ? node_token_ : setup_.node_token;
  auto node = nodes_.begin();
  for (const VirtualStorageSetup& storage : setup_.virtual_storages) {
    config += fmt::format("[[virtual_storage]]\nname = '{}'\n", storage.name);
    if (storage.replication_factor > 0) {
      config += fmt::format("default_replication_factor = {}\n", storage.replication_factor);
    }
    for (const std::string& name : storage.storages) {
      config += NodeTable(**node++, token, name == storage.storages.front());
    }
  }
  return config;
}

std::string Cluster::ListenerConfig() const {
  switch (setup_.transport) {
    case Transport::kTcp:
      return "listen_addr = '127.0.0.1:0'\n";
    case Transport::kUnix:
      return fmt::format("socket_path = '{}'\n", (directory_ / "socket").string());
    case Transport::kTls:
      break;
  }
  return fmt::format(
      "tls_listen_addr = '127.0.0.1:0'\ntls.certificate_path = '{}'\ntls.key_path = '{}'\n",
      certificate_.chain.string(), certificate_.key.string());
}

std::map<std::string, std::string> Cluster::Trust() const {
  if (!authority_) return {};
  return {{"SSL_CERT_FILE", authority_->root()}, {"SSL_CERT_DIR", authority_->empty_folder()}};
}

void Cluster::RestartPraefect() {
  praefect_.reset();
  praefect_.emplace(directory_ / "praefect", config_, Trust());
  praefect_->WaitUntilListening();
}

void Cluster::Reload(const std::string& old_text, const std::string& new_text) {
  REQUIRE(Contains(config_, old_text));
  for (size_t at = 0; (at = config_.find(old_text, at)) != std::string::npos;) {
    config_.replace(at, old_text.size(), new_text);
    at += new_text.size();
  }
  praefect_->Configure(config_);
  praefect_->Signal(SIGHUP);
  praefect_->WaitLog("configuration read again");
}

std::map<std::string, std::string> Cluster::Environment(const std::string& virtual_storage) const {
  std::map<std::string, std::string> environment = {
      {"GIT_SSH_COMMAND", GIT_SSH_PROGRAM},
      {"PRAEFECT_ADDRESS", praefect_->address()},
      {"PRAEFECT_TOKEN", client_token_},
      {"PRAEFECT_STORAGE",
       virtual_storage.empty() ? setup_.virtual_storages.front().name : virtual_storage},
      {"TMPDIR", directory_ / "tmp"}};
  environment.merge(Trust());
  return environment;
}

Outcome Cluster::Call(const std::string& method, const std::vector<nlohmann::json>& requests,
                      const std::map<std::string, std::string>& environment) const {
  Command command;
  command.argv = {GITALY_CALL_PROGRAM, praefect_->address(), "gitaly." + method};
  for (const nlohmann::json& request : requests) command.argv.push_back(request.dump());
  command.environment = environment;
  command.environment.emplace("PRAEFECT_TOKEN", client_token_);
  command.environment.merge(Trust());
  return Run(std::move(command));
}

nlohmann::json Cluster::Repository(const std::string& relative_path,
                                   const std::string& virtual_storage) const {
  return {{"storageName", Environment(virtual_storage)["PRAEFECT_STORAGE"]},
          {"relativePath", relative_path}};
}

void Cluster::Create(const std::string& relative_path, const std::string& virtual_storage) const {
  const Outcome outcome = Call("RepositoryService/CreateRepository",
                               {{{"repository", Repository(relative_path, virtual_storage)}}});
  INFO(outcome.error);
  REQUIRE(outcome.exit_status == 0);
}

fs::path Cluster::NewFolder() { return directory_ / fmt::format("copy-{}", ++folders_); }

WorkingCopy Cluster::NewWorkingCopy(const std::string& relative_path,
                                    const std::string& virtual_storage) {
  WorkingCopy copy(NewFolder(), Environment(virtual_storage));
  fs::create_directory(copy.directory());
  copy.Git({"init", "--quiet"});
  copy.Git({"remote", "add", "origin", "praefect:" + relative_path});
  return copy;
}

WorkingCopy Cluster::Clone(const std::string& relative_path,
                           const std::vector<std::string>& options,
                           const std::string& virtual_storage) {
  WorkingCopy copy(NewFolder(), Environment(virtual_storage));
  std::vector<std::string> arguments = {"clone", "--quiet"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.insert(arguments.end(), {"praefect:" + relative_path, copy.directory()});
  const Outcome outcome = Git(arguments, Environment(virtual_storage));
  INFO("git clone: " << outcome.error);
  REQUIRE(outcome.exit_status == 0);
  return copy;
}

Outcome Cluster::TryClone(const std::string& relative_path,
                          const std::map<std::string, std::string>& environment) {
  std::map<std::string, std::string> all = environment;
  all.merge(Environment());
  return Git({"clone", "--quiet", "praefect:" + relative_path, NewFolder()}, all);
}

WorkingCopy Cluster::CreateWithCommit(const std::string& relative_path) {
  Create(relative_path);
  WorkingCopy copy = NewWorkingCopy(relative_path);
  copy.Commit("README", "first\n");
  copy.Push({"main"});
  return copy;
}

void Cluster::CheckPraefectEnds() {
  if (praefect_->WaitExit(std::chrono::milliseconds::zero())) return;  // the story saw to it
  praefect_->Signal(SIGTERM);
  INFO(praefect_->output());
  CHECK(praefect_->WaitExit() == 0);
}

void Cluster::CheckNodesEnd() {
  for (const auto& node : nodes_) {
    INFO(node->storage() << ": " << node->output());
    CHECK(node->Stop().value_or(0) == 0);
  }
}

void Cluster::CheckNothingIsLeft() const {
  std::vector<std::string> processes;
  Eventually([&] { return (processes = ProcessesThatMention(directory_.path())).empty(); });
  CHECK(processes == std::vector<std::string>());
  CHECK(fs::is_empty(directory_ / "tmp"));
  CHECK(!fs::exists(directory_ / "socket"));
}

}  // namespace praefect::test
