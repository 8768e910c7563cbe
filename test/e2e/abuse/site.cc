#include "e2e/abuse/site.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>

#include "e2e/abuse/endings.h"
#include "integration/conformance/message.h"
#include "support/certificate_authority.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

constexpr char kClientToken[] = "hunter2-client";
constexpr char kNodeToken[] = "hunter2-node";
constexpr uint64_t kBystanderCalls = 3;  // that must succeed after each abuse
constexpr uint64_t kWarmUpCalls = 50;

// What Praefect may have grown by since it was warm: free blocks that its pools keep (3 MiB for a
// worker) and what malloc does not give back of what the abuses took for a moment. Sanitizers keep
// freed memory in quarantine.
constexpr size_t kMarginBytes = size_t{MEMORY_MARGIN_MEBIBYTES} << 20;

// Small enough to be hit at once, large enough for what is not an abuse.
constexpr char kLimits[] = R"(
max_resets_per_second = 20
max_pings_per_second = 2
max_settings_per_second = 2
max_streams_per_connection = 100
max_header_list_bytes = 16384
max_header_fields = 100
max_first_message_bytes = 65536
max_buffered_bytes = 33554432
tls_handshake_timeout = "2s"
http2_handshake_timeout = "2s"
)";

// One for the whole program: raw peers read their files once.
const IssuedCertificate& Certificate() {
  static CertificateAuthority authority;
  static const IssuedCertificate certificate = [] {
    const IssuedCertificate issued = authority.Issue();
    UseTlsFiles({issued.chain, issued.key, authority.root()});
    return issued;
  }();
  return certificate;
}

size_t CountDescriptors(pid_t pid) {
  size_t count = 0;
  const fs::path folder = "/proc/" + std::to_string(pid) + "/fd";
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder)) count++;
  return count;
}

}  // namespace

std::string NodeToken() { return kNodeToken; }

std::string RequestFor(const std::string& virtual_storage, const std::string& payload) {
  return Request(virtual_storage, payload);
}

std::unique_ptr<StorageNode> MakeNode(const std::string& storage, const fs::path& directory) {
  fs::create_directories(directory / "tmp");
  auto node = std::make_unique<StorageNode>(
      NodeSetup{storage, Transport::kTcp, kNodeToken, false, {}}, directory);
  const Outcome made = Git({"init", "--quiet", "--bare", node->Folder(kRepository).string()});
  if (made.exit_status != 0) throw std::runtime_error(made.error);
  return node;
}

bool Holdings::Within(const Holdings& allowed) const {
  return descriptors <= allowed.descriptors && open_calls <= allowed.open_calls &&
         client_connections <= allowed.client_connections &&
         client_streams <= allowed.client_streams && node_streams <= allowed.node_streams &&
         buffered_bytes <= allowed.buffered_bytes;
}

std::string Holdings::text() const {
  return fmt::format(
      "{} descriptors, {} open calls, {} client connections, {} client streams, {} node streams, "
      "{} buffered bytes",
      descriptors, open_calls, client_connections, client_streams, node_streams, buffered_bytes);
}

Site::Site(const std::vector<OtherNode>& others, const std::string& limits) {
  fs::create_directory(directory_ / "tmp");
  node_ = MakeNode("gitaly-1", directory_.path());
  node_->Start();
  const std::string config = Config(others, limits);
  // Its trust store is read for every node with TLS, and the machine's is large.
  const std::map<std::string, std::string> trust = {{"SSL_CERT_FILE", tls_files().roots},
                                                    {"SSL_CERT_DIR", directory_ / "tmp"}};
  praefect_.emplace(directory_ / "praefect", config, trust);
  for (const auto& [schema, address] :
       {std::pair{"tcp", &address_}, std::pair{"tls", &tls_address_}}) {
    const auto line = praefect_->WaitLog([&, schema = schema](const nlohmann::json& l) {
      return l.value("msg", "") == "listening at address" && l.value("schema", "") == schema;
    });
    *address = fmt::format("{}://{}", schema, line.value("address", ""));
  }
  Record(kSteady);
  bystander_.emplace([this, client = std::make_shared<RawClient>(address_)] {
    const uint32_t stream = client->Open(kBranch, Authorized());
    client->connection().SendMessage(stream, RequestFor(kSteady), true);
    return EndOf(client->connection(), stream);
  });
  if (!bystander_->Reaches(kWarmUpCalls)) {
    throw std::runtime_error("praefect does not serve: " + bystander_->failure() + "\n" +
                             praefect_->output());
  }
  TakeRest();
  warm_bytes_ = praefect_->resident_bytes();
}

Site::~Site() {
  bystander_.reset();
  praefect_->Signal(SIGTERM);
  const auto exit_code = praefect_->WaitExit();
  if (exit_code != 0) UNSCOPED_INFO(praefect_->output());
  CHECK(exit_code == 0);
}

std::string Site::Config(const std::vector<OtherNode>& others, const std::string& limits) const {
  std::string text = fmt::format(
      "listen_addr = '127.0.0.1:0'\ntls_listen_addr = '127.0.0.1:0'\n"
      "prometheus_listen_addr = '127.0.0.1:0'\ngraceful_stop_timeout = '5s'\n"
      "keepalive_timeout = '4s'\nworkers = 1\n"
      "[logging]\nformat = 'json'\n[auth]\ntoken = '{}'\n"
      "[tls]\ncertificate_path = '{}'\nkey_path = '{}'\n[limits]\n{}\n{}\n",
      kClientToken, Certificate().chain.string(), Certificate().key.string(), kLimits, limits);
  std::vector<OtherNode> all = {{kSteady, node_->address(), kNodeToken}};
  all.insert(all.end(), others.begin(), others.end());
  for (const OtherNode& node : all) {
    text += fmt::format(
        "[[virtual_storage]]\nname = '{0}'\n[[virtual_storage.node]]\nstorage = '{1}'\n"
        "address = '{2}'\ntoken = '{3}'\nprimary = true\n",
        node.virtual_storage, node.virtual_storage == kSteady ? "gitaly-1" : node.virtual_storage,
        node.address, node.token);
  }
  return text;
}

void Site::TakeRest() {
  bystander_->Pause();
  for (int same = 0; same < 5; PauseBetweenLooks()) {
    const Holdings now = HoldingsNow();
    same = now.text() == at_rest_.text() ? same + 1 : 0;
    at_rest_ = now;
  }
  bystander_->Resume();
}

Holdings Site::HoldingsNow() const {
  Holdings now;
  now.descriptors = CountDescriptors(praefect_->pid());  // before a scrape has one
  const auto metrics = praefect_->Metrics();
  const auto gauge = [&](const char* name) { return metrics.at(name); };
  now.open_calls = gauge("gitaly_praefect_open_calls");
  // Connections to nodes are kept for the next calls.
  for (const auto& [name, value] : metrics) {
    const bool kept = name.starts_with("gitaly_praefect_node_connections{");
    if (kept) now.descriptors -= static_cast<size_t>(value);
  }
  now.client_connections = gauge("gitaly_praefect_client_connections");
  now.client_streams = gauge("gitaly_praefect_client_streams");
  now.node_streams = gauge("gitaly_praefect_node_streams");
  now.buffered_bytes = gauge("gitaly_praefect_buffered_bytes");
  return now;
}

Fields Site::Authorized(Fields more) {
  more.emplace_back("authorization", Authorization(kClientToken, UnixNow()));
  return more;
}

std::string Site::Call(const std::string& virtual_storage, const Fields& more,
                       const std::string& payload) {
  return EndOfCall(kBranch, more, RequestFor(virtual_storage, payload));
}

std::string Site::EndOfCall(const char* method, const Fields& more, const std::string& request) {
  RawClient client(address_);
  const uint32_t stream = client.Open(method, Authorized(more));
  client.connection().SendMessage(stream, request, true);
  return EndOf(client.connection(), stream);
}

void Site::Record(const std::string& virtual_storage) {
  const std::string request = RequestFor(virtual_storage);
  const bool recorded = Eventually([&] { return EndOfCall(kCreate, {}, request) != "status 14"; });
  if (!recorded) throw std::runtime_error("praefect records nothing:\n" + praefect_->output());
}

void Site::CheckUnharmed() {
  CHECK(bystander_->Reaches(bystander_->calls() + kBystanderCalls));
  CHECK(bystander_->failure() == "");
  bystander_->Pause();
  Holdings now;
  const bool at_rest = Eventually([&] { return (now = HoldingsNow()).Within(at_rest_); });
  if (!at_rest) UNSCOPED_INFO("before: " << at_rest_.text() << "\nnow: " << now.text());
  CHECK(at_rest);
  CHECK(praefect_->resident_bytes() <= warm_bytes_ + kMarginBytes);
  bystander_->Resume();
}

}  // namespace praefect::test
