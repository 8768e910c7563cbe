#include "integration/conformance/fixture.h"

#include <stdexcept>

namespace praefect::test {
namespace {

constexpr std::string_view kServing("\x08\x01", 2);
constexpr std::string_view kNotServing("\x08\x02", 2);

}  // namespace

Conformance::Conformance()
    : transport_(settings().tls ? Transport::kTls : GENERATE(Transport::kTcp, Transport::kUnix)) {}

Conformance::~Conformance() {
  channel_.reset();
  if (praefect_) {
    praefect_->Terminate();
    const auto exit_code = praefect_->WaitExit();
    const bool clean = exit_code.has_value() && *exit_code == 0;
    if (!clean) UNSCOPED_INFO("praefect's output:\n" << praefect_->output());
    CHECK(exit_code.value_or(-1) == 0);
  }
  if (raw_node_) CHECK(raw_node_->failures() == std::vector<std::string>());
}

std::string Conformance::NewNodeAddress() const {
  if (transport_ == Transport::kUnix) return "unix:" + (directory_ / "node").string();
  return transport_ == Transport::kTls ? "tls://127.0.0.1:0" : "tcp://127.0.0.1:0";
}

void Conformance::Front(const std::string& node_address) {
  node_address_ = node_address;
  address_ = node_address;
  if (!direct()) {
    praefect_.emplace(settings().praefect, transport_, node_address, options_);
    address_ = praefect_->address();
  }
  channel_ = Connect(address_);
}

void Conformance::Serve(GrpcNode::Script script) {
  node_ = std::make_unique<GrpcNode>(NewNodeAddress(), std::move(script));
  Front(node_->address());
  Record();
}

void Conformance::ServeRaw(RawNode::Script script, const RawNode::Settings& settings) {
  raw_node_ = std::make_unique<RawNode>(NewNodeAddress(), std::move(script), settings,
                                        ServerInfo({"gitaly-1"}));
  Front(raw_node_->address());
  Record();
}

// Praefect takes it over into its books, as it does before the first write.
void Conformance::Record() {
  if (direct()) return;
  const bool recorded = Eventually([this] {
    RawClient client(address());
    const uint32_t stream = client.Open(kCreate, Authorized());
    client.connection().SendMessage(stream, Sent(), true);
    return client.Answer(stream).grpc_status() == "0";
  });
  if (!recorded) throw std::runtime_error("praefect records nothing:\n" + praefect_->output());
}

void Conformance::ServeNothing() {
  const Socket listener = Listen(NewNodeAddress());
  const std::string address = BoundAddress(listener);
  Front(address);
}

void Conformance::StopNode() {
  node_.reset();
  raw_node_.reset();
}

void Conformance::RestartNode(GrpcNode::Script script) {
  node_ = std::make_unique<GrpcNode>(node_address_, std::move(script));
}

GrpcCall Conformance::Call(const std::string& method) {
  return GrpcCall(channel_, method, Token());
}

Metadata Conformance::Token() const {
  return {{"authorization", Authorization(options_.client_token, UnixNow())}};
}

GrpcCall Conformance::CallWithoutToken(const std::string& method) {
  return GrpcCall(channel_, method, {});
}

Fields Conformance::Authorized(Fields more) const {
  more.emplace_back("authorization", Authorization(options_.client_token, UnixNow()));
  return more;
}

int Conformance::node_calls() const {
  if (raw_node_) return raw_node_->calls();
  return node_ ? node_->calls() : 0;
}

void Conformance::WaitHealth(std::string_view answer) {
  const bool came = Eventually([&] {
    GrpcCall call = CallWithoutToken(kHealthCheck);
    return call.Exchange({""}).ok() && call.answers() == std::vector{std::string(answer)};
  });
  if (!came) throw std::runtime_error("health does not become what it should");
}

void Conformance::WaitUntilServing() { WaitHealth(kServing); }

void Conformance::WaitUntilNotServing() {
  if (!direct()) WaitHealth(kNotServing);
}

std::string Describe(const grpc::Status& status) {
  return std::to_string(status.error_code()) + ":" + status.error_message();
}

}  // namespace praefect::test
