#pragma once

// The verbs of the suite. A case runs once over tcp and once over unix sockets, each time with
// processes and peers of its own: client -> praefect -> node. In direct mode, which shows that what
// the cases expect is gRPC's doing and not ours, the client talks to the node itself; cases marked
// [praefect] expect what only Praefect does and are left out.

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "integration/conformance/grpc_call.h"
#include "integration/conformance/grpc_node.h"
#include "integration/conformance/message.h"
#include "integration/conformance/praefect_process.h"
#include "support/raw_http2/client.h"
#include "support/raw_http2/node.h"

namespace praefect::test {

struct Settings {
  bool direct = false;
  bool tls = false;
  std::string praefect;  // path of the program
};
// Set once, before the first case.
const Settings& settings();

class Conformance {
 public:
  Conformance();
  // Stops Praefect, which must end with exit code 0.
  ~Conformance();

  bool direct() const { return settings().direct; }
  PraefectOptions& options() { return options_; }  // before Serve...

  // A node on the gRPC library, or by hand, and Praefect in front of it, which knows the
  // repository.
  void Serve(GrpcNode::Script script);
  void ServeRaw(RawNode::Script script, const RawNode::Settings& settings = {});
  // Praefect in front of an address where nobody listens.
  void ServeNothing();
  // The node ends, its calls with it; then one comes back at the same address.
  void StopNode();
  void RestartNode(GrpcNode::Script script);

  GrpcNode& node() { return *node_; }
  RawNode& raw_node() { return *raw_node_; }
  PraefectProcess& praefect() { return *praefect_; }
  const std::string& node_address() const { return node_address_; }
  // What clients talk to.
  const std::string& address() const { return address_; }

  // For calls that a case makes itself: one connection, and a valid token.
  const std::shared_ptr<grpc::Channel>& channel() { return channel_; }
  Metadata Token() const;
  // A call with a token, on the fixture's channel.
  GrpcCall Call(const std::string& method);
  GrpcCall CallWithoutToken(const std::string& method);
  // A raw client's header fields: a token and `more`.
  Fields Authorized(Fields more = {}) const;

  // A request for the repository as the client writes it, and as the node must see it.
  std::string Sent(std::string_view payload = "") const { return Request("default", payload); }
  std::string Seen(std::string_view payload = "") const { return Request(node_storage(), payload); }
  std::string node_storage() const { return direct() ? "default" : "gitaly-1"; }

  // How many calls reached the node.
  int node_calls() const;
  void WaitUntilServing();
  // Until Praefect has seen the node die.
  void WaitUntilNotServing();

 private:
  std::string NewNodeAddress() const;
  void Front(const std::string& node_address);
  void Record();
  void WaitHealth(std::string_view answer);

  const Transport transport_;
  PraefectOptions options_;
  TemporaryDirectory directory_;
  std::unique_ptr<GrpcNode> node_;
  std::unique_ptr<RawNode> raw_node_;
  std::string node_address_;
  std::optional<PraefectProcess> praefect_;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
};

// Readable in failure messages.
std::string Describe(const grpc::Status& status);

}  // namespace praefect::test

#define CHECK_STATUS(status, code, message) \
  CHECK(praefect::test::Describe(status) == \
        praefect::test::Describe(grpc::Status(grpc::StatusCode(code), message)))
#define CHECK_OK(status) CHECK_STATUS(status, grpc::StatusCode::OK, "")
