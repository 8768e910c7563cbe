// What is said about nodes that cannot be reached or refuse.

#include "nodes/inspection_judgement.h"

#include <openssl/x509_vfy.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "inspected_server.h"

namespace praefect::nodes {
namespace {

using Catch::Matchers::Contains;
using Strings = std::vector<std::string>;

const Strings kAddress{"virtual_storage \"default\" node \"gitaly-2\": address"};
const Strings kToken{"virtual_storage \"default\" node \"gitaly-2\": token"};

CallFailure Refusal(const std::string& why = "") {
  return {7, why.empty() ? "permission denied" : "permission denied: " + why};
}

TEST_CASE("a failed call is written as gRPC for Go writes it") {
  CHECK(ToString(CallFailure{7, "no"}) == "rpc error: code = PermissionDenied desc = no");
  CHECK(ToString(CallFailure{1, "no"}) == "rpc error: code = Canceled desc = no");
  CHECK(ToString(CallFailure{14, "no"}) == "rpc error: code = Unavailable desc = no");
}

TEST_CASE("a name that does not exist is told from a name server that does not answer") {
  const Step missing = JudgeResolving(Server("tcp://nowhere:1"), absl::NotFoundError("unknown"));
  CHECK(IsBroken(missing, Layer::kName));
  CHECK(missing.message == "there is no host \"nowhere\": unknown");
  CHECK(missing.settings == kAddress);
  const Step silent = JudgeResolving(Server("tcp://nowhere:1"), absl::UnavailableError("later"));
  CHECK_THAT(silent.message, Contains("cannot resolve \"nowhere\""));
  CHECK_THAT(silent.hint, Contains("/etc/resolv.conf"));
}

TEST_CASE("what keeps a connection from being made is said with the place") {
  const auto judge = [](int error) { return JudgeConnecting(Server(), "10.0.0.2:8075", error); };
  for (const int error : {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EACCES, EIO}) {
    CHECK(IsBroken(judge(error), Layer::kConnection));
    CHECK_THAT(judge(error).message, Contains("10.0.0.2:8075: "));
    CHECK(judge(error).settings == kAddress);
  }
  CHECK_THAT(judge(ECONNREFUSED).message, Contains("nothing listens there"));
  CHECK_THAT(judge(ETIMEDOUT).hint, Contains("firewall"));
  const Step no_socket = JudgeConnecting(Server("unix:/run/gitaly.sock"), "", ENOENT);
  CHECK_THAT(no_socket.message, Contains("/run/gitaly.sock: no such socket"));
}

TEST_CASE("what is wrong with a certificate decides what to change") {
  const auto judge = [](int error) {
    return JudgeTlsFailure(Server("tls://g:1"), {"bad_certificate", "said", error}, false);
  };
  CHECK(judge(X509_V_ERR_HOSTNAME_MISMATCH).settings == kAddress);
  CHECK(judge(X509_V_ERR_IP_ADDRESS_MISMATCH).settings == kAddress);
  CHECK_THAT(judge(X509_V_ERR_CERT_HAS_EXPIRED).hint, Contains("tls.certificate_path"));
  CHECK_THAT(judge(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY).hint, Contains("SSL_CERT_FILE"));
  for (const int error : {X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_CERT_HAS_EXPIRED}) {
    CHECK(IsBroken(judge(error), Layer::kTls));
    CHECK(judge(error).message == "said");
  }
}

TEST_CASE("a node that speaks without TLS is told from one whose TLS fails") {
  const net::TlsFailure failure{"peer_closed", "closed"};
  const Step clear = JudgeTlsFailure(Server("tls://g:1"), failure, true);
  CHECK_THAT(clear.message, Contains("speaks without TLS"));
  CHECK_THAT(clear.hint, Contains("tcp://"));
  CHECK(clear.settings == kAddress);
  CHECK(JudgeTlsFailure(Server("tls://g:1"), failure, false).message == "closed");
}

TEST_CASE("a certificate that ends soon is worth a note") {
  constexpr int64_t kDay = 24 * 3600;
  CHECK(JudgeCertificate(1'600'000'000 + 15 * kDay, 1'600'000'000).size() == 1);
  const auto steps = JudgeCertificate(1'600'000'000 + 13 * kDay, 1'600'000'000);
  REQUIRE(steps.size() == 2);
  CHECK(steps[1].outcome == Step::Outcome::kNote);
  CHECK_THAT(steps[1].message, Contains("expires in 13 days, at 2020-09-26T12:26:40Z"));
}

TEST_CASE("what else may answer than HTTP/2 is named") {
  const auto judge = [](Greeting greeting, bool tls = false) {
    return JudgeGreeting(Server(), greeting, tls);
  };
  CHECK_FALSE(IsBroken(judge(Greeting::kHttp2), Layer::kHttp2));
  CHECK_THAT(judge(Greeting::kTls).hint, Contains("tls://"));
  CHECK_THAT(judge(Greeting::kClosed, true).hint, Contains("tls://"));
  CHECK_THAT(judge(Greeting::kHttp1).message, Contains("HTTP/1"));
  CHECK_THAT(judge(Greeting::kSilent).message, Contains("says nothing"));
  for (const auto greeting :
       {Greeting::kTls, Greeting::kHttp1, Greeting::kSilent, Greeting::kClosed, Greeting::kOther}) {
    CHECK(IsBroken(judge(greeting), Layer::kHttp2));
    CHECK(judge(greeting).settings == kAddress);
  }
}

TEST_CASE("the first bytes of a peer tell what it speaks") {
  using namespace std::string_view_literals;
  CHECK(JudgeGreeting("\0\0\6\4\0\0\0\0\0\0\5\0\0@\0"sv) == Greeting::kHttp2);
  CHECK(JudgeGreeting("\x15\3\1\0\2\2\x46"sv) == Greeting::kTls);
  CHECK(JudgeGreeting("HTTP/1.1 400 Bad Request\r\n"sv) == Greeting::kHttp1);
  CHECK(JudgeGreeting("220 mail.example.com ESMTP\r\n"sv) == Greeting::kOther);
  CHECK(JudgeGreeting("\0\0\6\4"sv) == Greeting::kOther);
  CHECK(JudgeGreeting("") == Greeting::kClosed);
}

TEST_CASE("a node that is there and not well is told from something that is no Gitaly") {
  CHECK_FALSE(IsBroken(JudgeServingStatus("SERVING"), Layer::kHealth));
  CHECK(JudgeServingStatus("NOT_SERVING").message == "the node says that it is NOT_SERVING");
  CHECK(JudgeHealthFailure(Server(), {4, "Deadline Exceeded"}).settings.empty());
  CHECK(JudgeHealthFailure(Server(), {12, "unknown service"}).settings == kAddress);
  CHECK(JudgeInfoFailure(Server(), {12, "unknown service"}).settings == kAddress);
  CHECK(JudgeInfoFailure(Server(), {13, "oops"}).settings.empty());
}

TEST_CASE("a wrong token and a missing one are told apart") {
  GitalyServer server = Server();
  const auto wrong = JudgeRefusedToken(server, Refusal("wrong hmac signature"), {});
  REQUIRE(wrong.size() == 1);
  CHECK(IsBroken(wrong[0], Layer::kToken));
  CHECK(wrong[0].settings == kToken);
  CHECK_THAT(wrong[0].message, Contains("the node has another token"));
  server.token.clear();
  const auto missing = JudgeRefusedToken(server, {16, "authentication required"}, {});
  CHECK_THAT(missing.at(0).message, Contains("none is configured"));
}

TEST_CASE("a refusal without a reason may still be the clock's") {
  const auto steps = JudgeRefusedToken(Server(), Refusal(), {});
  CHECK(IsBroken(steps.at(0), Layer::kToken));
  CHECK_THAT(steps.at(0).message, Contains("the node refuses the token"));
  CHECK_THAT(steps.at(0).hint, Contains("date -u"));
}

TEST_CASE("a clock that is off is not the token's fault") {
  for (const auto& refusal : {Refusal(), Refusal("token has expired")}) {
    const auto steps = JudgeRefusedToken(Server(), refusal, -95);
    REQUIRE(steps.size() == 2);
    CHECK_FALSE(IsBroken(steps[0], Layer::kToken));
    CHECK(IsBroken(steps[1], Layer::kClock));
    CHECK_THAT(steps[1].message, Contains("the node's clock is 95 s behind this host's"));
    CHECK(steps[1].settings.empty());
  }
}

TEST_CASE("a clock that is off by an unknown time is still no wrong token") {
  const auto ahead = JudgeRefusedToken(Server(), Refusal("token has expired"), {});
  CHECK_THAT(ahead.at(1).message, Contains("the node's clock is ahead of this host's"));
  const auto behind =
      JudgeRefusedToken(Server(), Refusal("token's validity window is in future"), {});
  CHECK_THAT(behind.at(1).message, Contains("the node's clock is behind this host's"));
}

TEST_CASE("no word about a token holds it") {
  for (const auto& why : {"wrong hmac signature", "token has expired", ""}) {
    for (const Step& step : JudgeRefusedToken(Server(), Refusal(why), {})) {
      CHECK((step.message + step.hint).find("secret") == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace praefect::nodes
