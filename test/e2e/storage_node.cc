#include "e2e/storage_node.h"

#include <signal.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>

#include "support/free_port.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHealthService = "/grpc.health.v1.Health/";
constexpr std::string_view kTokenCheck = "/gitaly.ServerService/ServerInfo";
constexpr std::chrono::seconds kPatience{60};

bool IsProbe(const std::string& method) {
  return method.starts_with(kHealthService) || method == kTokenCheck;
}

}  // namespace

StorageNode::StorageNode(NodeSetup setup, const fs::path& directory)
    : setup_(std::move(setup)), directory_(directory / setup_.storage), address_(FreeAddress()) {
  fs::create_directories(directory_ / "storage");
}

std::string StorageNode::FreeAddress() const {
  if (setup_.transport == Transport::kUnix) return "unix:" + (directory_ / "socket").string();
  const char* scheme = setup_.transport == Transport::kTls ? "tls" : "tcp";
  return scheme + ("://127.0.0.1:" + std::to_string(FreePort()));
}

void StorageNode::Start() {
  Command command;
  command.argv = {MINIGITALY_PROGRAM,
                  "-listen",
                  address_,
                  "-storage",
                  setup_.storage + "=" + (directory_ / "storage").string(),
                  "-fault-file",
                  directory_ / "faults",
                  "-record",
                  directory_ / "record"};
  if (setup_.health_without_token) command.argv.push_back("-health-without-token");
  if (!setup_.release.empty()) {
    command.argv.insert(command.argv.end(), {"-release", setup_.release});
  }
  if (setup_.transport == Transport::kTls) {
    command.argv.insert(command.argv.end(), {"-tls-certificate", setup_.certificate.chain,
                                             "-tls-key", setup_.certificate.key});
  }
  command.environment = {{"MINIGITALY_TOKEN", setup_.token},
                         {"TMPDIR", directory_.parent_path() / "tmp"}};
  command.error_file = directory_ / "errors";
  // After a crash its port may be in use for a moment.
  const bool started = Eventually([&] {
    process_.emplace(command);
    return process_->ReadLine(kPatience).has_value();
  });
  if (!started) throw std::runtime_error("no minigitaly: " + output());
}

void StorageNode::LoseDisk() const {
  fs::remove_all(directory_ / "storage");
  fs::create_directories(directory_ / "storage");
}

void StorageNode::TakeDiskAway() const {
  fs::rename(directory_ / "storage", directory_ / "away");
  fs::create_directories(directory_ / "storage");
}

void StorageNode::BringDiskBack() const {
  fs::remove_all(directory_ / "storage");
  fs::rename(directory_ / "away", directory_ / "storage");
}

std::string StorageNode::filesystem_id() const {
  const auto metadata = nlohmann::json::parse(ReadFile(directory_ / "storage/.gitaly-metadata"));
  return metadata.at("gitaly_filesystem_id");
}

void StorageNode::Freeze() { process_->Kill(SIGSTOP); }
void StorageNode::Thaw() { process_->Kill(SIGCONT); }

void StorageNode::Crash() {
  process_->Kill(SIGKILL);
  process_.reset();
}

std::optional<int> StorageNode::Stop() {
  if (!process_) return std::nullopt;
  process_->Kill(SIGTERM);
  const std::optional<int> exit_code = process_->WaitFor(kPatience);
  process_.reset();
  return exit_code;
}

// Renamed into place: a call that comes in meanwhile sees the old ones or the new ones.
void StorageNode::SetFaults(const std::string& faults) const {
  WriteFile(directory_ / "faults.new", faults + "\n");
  fs::rename(directory_ / "faults.new", directory_ / "faults");
}

fs::path StorageNode::Folder(const std::string& relative_path) const {
  return directory_ / "storage" / relative_path;
}

bool StorageNode::Has(const std::string& relative_path) const {
  return fs::exists(Folder(relative_path));
}

std::map<std::string, std::string> StorageNode::Refs(const std::string& relative_path) const {
  const Outcome listed = Git({"--git-dir=" + Folder(relative_path).string(), "for-each-ref",
                              "--format=%(refname) %(objectname)"});
  if (listed.exit_status != 0) throw std::runtime_error(listed.error);
  std::map<std::string, std::string> refs;
  std::istringstream lines(listed.output);
  for (std::string name, id; lines >> name >> id;) refs[name] = id;
  return refs;
}

std::string StorageNode::Head(const std::string& relative_path) const {
  const Outcome head = Git({"--git-dir=" + Folder(relative_path).string(), "symbolic-ref", "HEAD"});
  return head.output.substr(0, head.output.find('\n'));
}

void StorageNode::Configure(const std::string& relative_path, const std::string& key,
                            const std::string& value) const {
  const Outcome set = Git({"--git-dir=" + Folder(relative_path).string(), "config", key, value});
  if (set.exit_status != 0) throw std::runtime_error(set.error);
}

std::vector<nlohmann::json> StorageNode::Record() const {
  std::vector<nlohmann::json> events;
  std::istringstream lines(ReadFile(directory_ / "record"));
  for (std::string line; std::getline(lines, line);) {
    auto event = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (event.is_object()) events.push_back(std::move(event));
  }
  std::set<uint64_t> probes;
  std::erase_if(events, [&probes](const nlohmann::json& event) {
    const auto id = event.value("id", uint64_t{0});
    if (IsProbe(event.value("method", ""))) probes.insert(id);
    return probes.count(id) > 0;
  });
  return events;
}

size_t StorageNode::CallsOf(const std::string& method) const {
  size_t count = 0;
  for (const nlohmann::json& event : Record()) {
    count += event.value("method", "").ends_with("/" + method) ? 1 : 0;
  }
  return count;
}

std::string StorageNode::output() const { return ReadFile(directory_ / "errors"); }

}  // namespace praefect::test
