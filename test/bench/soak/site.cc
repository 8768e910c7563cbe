#include "site.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <signal.h>

#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "e2e/http_get.h"
#include "integration/conformance/grpc_call.h"
#include "integration/conformance/message.h"
#include "support/free_port.h"

namespace praefect::bench {
namespace {

namespace fs = std::filesystem;

constexpr char kNodeToken[] = "hunter2-soak-node";
constexpr size_t kBlobBytes = 3 << 20;
// A machine with much else to do takes its time.
constexpr std::chrono::seconds kPatience{60};

std::string Git(const fs::path& directory, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {"-c", "user.name=soak", "-c", "user.email=soak@example.com"});
  const test::Outcome outcome = test::Git(arguments, {}, directory);
  if (outcome.exit_status != 0) throw std::runtime_error("git: " + outcome.error);
  return outcome.output.substr(0, outcome.output.find('\n'));
}

}  // namespace

Site::Site()
    : roots_(test::ReadFile(authority_.root())),
      port_(test::FreePort()),
      tls_port_(test::FreePort()),
      admin_port_(test::FreePort()) {
  fs::create_directory(directory_ / "tmp");
  token_ = settings_.client_token;
  settings_.certificate = authority_.Issue();
  const test::IssuedCertificate of_nodes = authority_.Issue();
  for (int i = 0; i < 3; i++) {
    const auto transport = i == 1 ? test::Transport::kTcp : test::Transport::kTls;
    nodes_.push_back(std::make_unique<test::StorageNode>(
        test::NodeSetup{fmt::format("gitaly-{}", i + 1), transport, kNodeToken, false, of_nodes},
        directory_.path()));
    nodes_.back()->Start();
  }
  Fill();
  WriteConfig();
  test::Command command;
  command.argv = {PRAEFECT_PROGRAM, "-config", directory_ / "config.toml"};
  command.environment = {{"SSL_CERT_FILE", authority_.root()},
                         {"SSL_CERT_DIR", authority_.empty_folder()},
                         {"TMPDIR", directory_ / "tmp"}};
  command.error_file = directory_ / "errors";
  praefect_.emplace(command);
  WaitUntilServing();
}

// The same repository on all nodes: what a client of Gitaly would have made there.
void Site::Fill() {
  const fs::path copy = directory_ / "copy";
  fs::create_directory(copy);
  content_.blob = test::Pattern(kBlobBytes);
  Git(copy, {"init", "--quiet", "--initial-branch=main"});
  test::WriteFile(copy / "large", content_.blob);
  Git(copy, {"add", "large"});
  Git(copy, {"commit", "--quiet", "--message=first"});
  content_.commit = Git(copy, {"rev-parse", "HEAD"});
  content_.blob_id = Git(copy, {"rev-parse", "HEAD:large"});
  for (const auto& node : nodes_) {
    const fs::path repository = node->Folder("group/project.git");
    fs::create_directories(repository.parent_path());
    Git(copy, {"clone", "--quiet", "--bare", ".", repository});
  }
}

void Site::WriteConfig() const {
  std::string config = fmt::format(
      "listen_addr = '127.0.0.1:{}'\ntls_listen_addr = '127.0.0.1:{}'\n"
      "prometheus_listen_addr = '127.0.0.1:{}'\nworkers = 2\nkeepalive_timeout = '10s'\n"
      "graceful_stop_timeout = '20s'\ntls.certificate_path = '{}'\ntls.key_path = '{}'\n"
      "limits.max_streams_per_connection = {}\n"
      "[logging]\nformat = 'json'\nfile = '{}'\n[auth]\ntoken = '{}'\n"
      "[[virtual_storage]]\nname = 'default'\n",
      port_, tls_port_, admin_port_, settings_.certificate.chain.string(),
      settings_.certificate.key.string(), settings_.max_streams_per_connection,
      (directory_ / "log").string(), settings_.client_token);
  for (size_t i = 0; i < nodes_.size(); i++) {
    if (i + 1 == nodes_.size() && !settings_.last_node) break;
    config += fmt::format(
        "[[virtual_storage.node]]\nstorage = '{}'\naddress = '{}'\ntoken = '{}'\nprimary = {}\n",
        nodes_[i]->storage(), nodes_[i]->address(), kNodeToken, i == 0);
  }
  const fs::path file = directory_ / "config.toml";
  test::WriteFile(file, config);
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
}

void Site::WaitUntilServing() const {
  const bool serves = test::Eventually(
      [&] {
        const test::Metadata token = {
            {"authorization", test::Authorization(settings_.client_token, test::UnixNow())}};
        test::GrpcCall call(Connect(false), test::kUnary, token);
        return call.Within(kPatience).Exchange({test::Request("default")}).error_code() !=
               grpc::StatusCode::UNAVAILABLE;
      },
      kPatience);
  if (!serves) throw std::runtime_error("praefect does not serve:\n" + LogTail());
}

void Site::Reload() {
  const char* kReloads = "gitaly_praefect_config_reloads_total{result=\"ok\"}";
  const double before = Metrics()[kReloads];
  WriteConfig();
  praefect_->Kill(SIGHUP);
  if (!test::Eventually([&] { return Metrics()[kReloads] > before; }, kPatience)) {
    throw std::runtime_error("praefect does not reload:\n" + LogTail());
  }
  std::lock_guard lock(token_mutex_);
  token_ = settings_.client_token;
}

void Site::RotateLog() {
  fs::rename(directory_ / "log", directory_ / "log.1");
  praefect_->Kill(SIGUSR1);
  const auto is_written = [&] {
    std::error_code error;
    const auto size = fs::file_size(directory_ / "log", error);
    return !error && size > 0;
  };
  if (!test::Eventually(is_written, kPatience)) throw std::runtime_error("no new log file");
}

std::shared_ptr<grpc::Channel> Site::Connect(bool tls) const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  const auto credentials =
      tls ? grpc::SslCredentials({roots_, "", ""}) : grpc::InsecureChannelCredentials();
  const std::string address = fmt::format("127.0.0.1:{}", tls ? tls_port_ : port_);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

std::string Site::token() const {
  std::lock_guard lock(token_mutex_);
  return token_;
}

std::map<std::string, double> Site::Metrics() const {
  std::istringstream page(test::HttpGet(admin_port_, "/metrics"));
  std::map<std::string, double> metrics;
  for (std::string line; std::getline(page, line);) {
    const size_t space = line.rfind(' ');
    if (line.empty() || line[0] == '#' || space == std::string::npos) continue;
    metrics[line.substr(0, space)] = std::stod(line.substr(space + 1));
  }
  return metrics;
}

double Site::Metric(const std::string& name) const {
  const auto metrics = Metrics();
  const auto found = metrics.find(name);
  if (found == metrics.end()) throw std::runtime_error("praefect has no metric " + name);
  return found->second;
}

std::optional<int> Site::Stop() {
  praefect_->Kill(SIGTERM);
  const std::optional<int> exit_code = praefect_->WaitFor(kPatience);
  for (const auto& node : nodes_) node->Stop();
  return exit_code;
}

std::string Site::LogTail() const {
  constexpr size_t kTail = 4'000;
  const std::string log =
      test::ReadFile(directory_ / "log") + test::ReadFile(directory_ / "errors");
  return log.substr(log.size() - std::min(log.size(), kTail));
}

}  // namespace praefect::bench
