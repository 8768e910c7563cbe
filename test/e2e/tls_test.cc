// TLS on both sides of Praefect, as other people's programs see it.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

using Catch::Matchers::Contains;

const VirtualStorageSetup kOneNode{"default", {"gitaly-1"}};

// Praefect and one node, both with TLS.
class TlsCluster : public Cluster {
 public:
  explicit TlsCluster(const CertificateWish& node = {}) : Cluster(Setup(node)) {}

  // What `openssl s_client` says after it connected and sent `input`. Praefect ends a connection
  // that speaks no HTTP/2. The input has no end, which is what s_client obeys commands for.
  std::string Client(const std::string& arguments,
                     const std::string& input = "GET / HTTP/1.1\\r\\n") {
    const std::string address = praefect().address().substr(strlen("tls://"));
    Command command;
    command.argv = {"/bin/sh", "-c",
                    fmt::format("rm -f input; mkfifo input; exec 3<>input; printf '{}' >&3; "
                                "timeout 20 openssl s_client -connect {} -CAfile {} {} 2>&1 <&3",
                                input, address, authority().root().string(), arguments)};
    command.directory = Scratch("");
    return Run(command).output;
  }
  double Handshakes(const std::string& result) {
    return praefect().Metric("gitaly_praefect_tls_handshakes_total",
                             {fmt::format("result=\"{}\"", result)});
  }
  // Whole ones, until Praefect's certificate expires, by the metric.
  int DaysLeft() {  // rounded
    const double end = praefect().Metric("gitaly_praefect_tls_certificate_not_after_seconds");
    return static_cast<int>(std::lround((end - static_cast<double>(time(nullptr))) / 86'400));
  }
  double Closed(const std::string& reason) {
    return praefect().Metric("gitaly_praefect_client_connections_closed_total",
                             {fmt::format("reason=\"{}\"", reason)});
  }

 private:
  static ClusterSetup Setup(const CertificateWish& node) {
    ClusterSetup setup;
    setup.transport = Transport::kTls;
    setup.virtual_storages = {kOneNode};
    setup.node_certificate = node;
    return setup;
  }
};

TEST_CASE("TLS 1.2 and 1.3 are spoken, with HTTP/2 and a chain that verifies; 1.1 is not") {
  TlsCluster cluster;
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const std::string output = cluster.Client(std::string(version) + " -alpn h2");
    CHECK_THAT(output, Contains("ALPN protocol: h2"));
    CHECK_THAT(output, Contains("Verify return code: 0 (ok)"));
  }
  CHECK_THAT(cluster.Client("-tls1_1 -cipher ALL:@SECLEVEL=0"), Contains("alert protocol version"));
  CHECK(cluster.Handshakes("no_common_version") == 1);
  CHECK(cluster.praefect().Metric("gitaly_connections_total", {"type=\"tls\""}) == 3);
}

TEST_CASE("a client without ALPN is tolerated, one that wants another protocol is told no") {
  TlsCluster cluster;
  CHECK_THAT(cluster.Client(""), Contains("No ALPN negotiated"));
  CHECK(cluster.Handshakes("ok") == 1);
  CHECK_THAT(cluster.Client("-alpn http/1.1"), Contains("alert no application protocol"));
  CHECK(cluster.Handshakes("bad_alpn") == 1);
  CHECK(cluster.Closed("tls_handshake") == 1);
}

TEST_CASE("sessions are resumed") {
  TlsCluster cluster;
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const std::string session = cluster.Scratch(version);
    CHECK_THAT(cluster.Client(fmt::format("{} -sess_out {}", version, session)),
               Contains("New, TLS"));
    CHECK_THAT(cluster.Client(fmt::format("{} -sess_in {}", version, session)),
               Contains("Reused, TLS"));
  }
  CHECK(cluster.Handshakes("resumed") == 2);
}

TEST_CASE("a client that renegotiates is sent away") {
  TlsCluster cluster;
  CHECK_THAT(cluster.Client("-tls1_2", "R\\n"), Contains("RENEGOTIATING"));
  CHECK(Eventually([&] { return cluster.Closed("tls_renegotiation") == 1; }));
}

TEST_CASE("whoever speaks no TLS on the port with TLS is sent away") {
  TlsCluster cluster;
  Command command;
  command.argv = {GITALY_CALL_PROGRAM, "tcp" + cluster.praefect().address().substr(3),
                  "gitaly.ServerService/ServerInfo"};
  CHECK(Run(command).exit_status != 0);
  CHECK(cluster.Handshakes("plain_client") >= 1);
}

TEST_CASE("a new certificate is shown after a reload, a broken one is not") {
  TlsCluster cluster;
  CHECK(cluster.DaysLeft() == 30);
  const IssuedCertificate next = cluster.authority().Issue({.days = 10});
  const std::string old_key = cluster.certificate().key;
  cluster.Reload(cluster.certificate().chain, next.chain);  // and not the key
  const auto refusal =
      cluster.praefect().WaitLog("cannot use the certificate: the old one stays in use");
  CHECK_THAT(refusal.value("error", ""), Contains("does not belong to the certificate in"));
  CHECK(cluster.DaysLeft() == 30);
  cluster.Reload(old_key, next.key);
  CHECK(Eventually([&] { return cluster.DaysLeft() == 10; }));
  CHECK_THAT(cluster.Client(""), Contains("Verify return code: 0 (ok)"));
}

TEST_CASE("a node with a bad certificate is down, and clients learn exactly why") {
  const auto [wish, reason] = GENERATE(table<CertificateWish, std::string>({
      {{.days = -1}, "the node's certificate expired at 20"},
      {{.names = {"DNS:elsewhere"}}, "the node's certificate is for elsewhere, not for 127.0.0.1"},
      {{.self_signed = true}, "is signed by an unknown authority (\"praefect test\")"},
  }));
  TlsCluster cluster(wish);
  const auto exists = [&] {
    return cluster.Call("RepositoryService/RepositoryExists",
                        {{{"repository", cluster.Repository("a.git")}}});
  };
  const std::string first = exists().error;  // of the attempt, or of the probe before it
  CHECK_THAT(first, Contains("all SubCons are in TransientFailure") && Contains(reason));
  const auto line = cluster.praefect().WaitLog("error when pinging healthcheck");
  CHECK_THAT(line.value("error", ""), Contains(reason));
  CHECK_THAT(exists().error,
             Contains("asked of every node: node \"gitaly-1\" at ") && Contains(reason));
  CHECK(cluster.praefect().Metric("gitaly_praefect_node_tls_failures_total") >= 2);
}

}  // namespace
}  // namespace praefect::test
