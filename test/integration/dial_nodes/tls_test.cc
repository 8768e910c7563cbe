// Nodes with TLS, and nodes that should have it or should not.

#include <catch2/catch.hpp>

#include "dialing.h"

namespace praefect::test {
namespace {

using Catch::Matchers::Contains;

std::string WithScheme(const std::string& scheme, const NodeProcess& node) {
  return scheme + node.address().substr(node.address().find("://"));
}

// A node whose certificate is `wish`.
class TlsNode {
 public:
  explicit TlsNode(const CertificateWish& wish = {}) : issued_(authority_.Issue(wish)) {
    NodeOptions options = NewGitaly(
        "gitaly-1", {"-tls-certificate", issued_.chain.string(), "-tls-key", issued_.key.string()});
    options.listen = "tls://127.0.0.1:0";
    node_ = std::make_unique<NodeProcess>(options);
  }

  const NodeProcess& node() const { return *node_; }

  // What dial-nodes reports of it, trusting its authority, or another one.
  Ending Dial(const CertificateAuthority* trusted = nullptr) const {
    Dialing dialing;
    dialing.TrustOnly(trusted == nullptr ? authority_ : *trusted);
    dialing.Add(*node_);
    return dialing.Run();
  }
  std::string Report(const CertificateAuthority* trusted = nullptr) const {
    return ReportOn(Dial(trusted), node_->address());
  }

 private:
  CertificateAuthority authority_;
  const IssuedCertificate issued_;
  std::unique_ptr<NodeProcess> node_;
};

TEST_CASE("a node with a good certificate is well") {
  const Ending ending = TlsNode().Dial();
  CHECK(ending.error.empty());
  CHECK(ending.exit_code == 0);
}

TEST_CASE("a certificate of an unknown authority is told from the others") {
  const CertificateAuthority stranger("Stranger");
  const std::string report = TlsNode().Report(&stranger);
  CHECK_THAT(report, Contains("connection ok, TLS BROKEN"));
  CHECK_THAT(report, Contains("unknown authority (\"Test CA\")"));
  CHECK_THAT(report, Contains("SSL_CERT_FILE or SSL_CERT_DIR"));
  CHECK_FALSE(Mentions(report, "change:"));
}

TEST_CASE("a certificate for another name says for which") {
  const std::string report = TlsNode({.names = {"DNS:gitaly-1.internal"}}).Report();
  CHECK_THAT(report, Contains("TLS BROKEN"));
  CHECK_THAT(report, Contains("certificate is for gitaly-1.internal, not for 127.0.0.1"));
  CHECK_THAT(report, Contains("node \"gitaly-1\": address"));
}

TEST_CASE("an expired certificate says since when") {
  const std::string report = TlsNode({.days = -1}).Report();
  CHECK_THAT(report, Contains("TLS BROKEN"));
  CHECK_THAT(report, Contains("certificate expired at 20"));
  CHECK_FALSE(Mentions(report, "change:"));
}

TEST_CASE("a certificate that expires soon is worth a note") {
  const TlsNode node({.days = 5});
  CHECK(node.Dial().exit_code == 0);
  CHECK_THAT(node.Report(), Contains("note: the node's certificate expires in "));
}

TEST_CASE("a node without TLS at an address with it") {
  const NodeProcess plain(NewGitaly("gitaly-1"));
  Dialing dialing;
  const std::string address = WithScheme("tls", plain);
  dialing.Add("gitaly-1", address);
  const Ending ending = dialing.Run();
  CHECK(ending.exit_code == 1);
  CHECK(LinesOf(ending, address).back() ==
        "ERROR: dialing failed: the node speaks without TLS there");
  CHECK_THAT(ReportOn(ending, address), Contains("write tcp:// instead of tls://"));
}

TEST_CASE("a node with TLS at an address without it") {
  const TlsNode node;
  Dialing dialing;
  const std::string address = WithScheme("tcp", node.node());
  dialing.Add("gitaly-1", address);
  const std::string report = ReportOn(dialing.Run(), address);
  CHECK_THAT(report, Contains("HTTP/2 BROKEN"));
  CHECK_THAT(report, Contains("write tls:// instead of tcp://"));
}

}  // namespace
}  // namespace praefect::test
