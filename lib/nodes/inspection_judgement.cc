#include "nodes/inspection_judgement.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "gitaly/token.h"
#include "net/certificate_text.h"

namespace praefect::nodes {
namespace {

using Outcome = Step::Outcome;

constexpr int64_t kDaysToRenew = 14;
constexpr std::string_view kTokenHint =
    "set it to [auth] token of that Gitaly's config.toml (in gitlab.rb gitaly['auth_token'], from "
    "16.0 on gitaly['configuration'][:auth][:token])";
constexpr std::string_view kClockHint =
    "synchronise the clocks of both hosts (chrony, systemd-timesyncd); date -u on both shows which "
    "one is wrong";

Step Good(Layer layer, std::string message) { return {layer, Outcome::kGood, message, {}, {}}; }

Step Broken(Layer layer, std::string message, std::vector<std::string> settings, std::string hint) {
  return {layer, Outcome::kBroken, std::move(message), std::move(settings), std::move(hint)};
}

Step BrokenAddress(const GitalyServer& server, Layer layer, std::string message, std::string hint) {
  return Broken(layer, std::move(message), SettingsOf(server, "address"), std::move(hint));
}

bool IsUnix(const GitalyServer& server) {
  return server.address.kind == config::Address::Kind::kUnix;
}

// "PERMISSION_DENIED" in Go's spelling.
std::string GoName(int code) {
  if (code == static_cast<int>(absl::StatusCode::kCancelled)) return "Canceled";
  std::string name;
  bool first = true;  // of a word
  for (const char c : absl::StatusCodeToString(static_cast<absl::StatusCode>(code))) {
    if (c != '_') name += first ? c : static_cast<char>(c | 0x20);
    first = c == '_';
  }
  return name;
}

std::string Clocks(int64_t lead) {
  return fmt::format("the node's clock is {} s {} this host's", std::abs(lead),
                     lead > 0 ? "ahead of" : "behind");
}

}  // namespace

std::string ToString(const CallFailure& failure) {
  return fmt::format("rpc error: code = {} desc = {}", GoName(failure.code), failure.message);
}

Step JudgeResolving(const GitalyServer& server, const absl::Status& status) {
  const std::string said(status.message());
  if (status.code() == absl::StatusCode::kNotFound) {
    return BrokenAddress(server, Layer::kName,
                         fmt::format("there is no host \"{}\": {}", server.address.host, said),
                         "correct the name, or add it to DNS or /etc/hosts");
  }
  return BrokenAddress(
      server, Layer::kName, fmt::format("cannot resolve \"{}\": {}", server.address.host, said),
      "see whether the name server in /etc/resolv.conf answers, or write an IP address");
}

Step JudgeConnecting(const GitalyServer& server, const std::string& tried, int error_number) {
  const std::string where = IsUnix(server) ? server.address.path : tried;
  const auto broken = [&](std::string_view seen, std::string_view hint) {
    return BrokenAddress(server, Layer::kConnection,
                         fmt::format("{}: {} ({})", where, seen, strerror(error_number)),
                         std::string(hint));
  };
  switch (error_number) {
    case ECONNREFUSED:
      if (IsUnix(server)) return broken("nothing listens there", "start Gitaly");
      return broken("nothing listens there",
                    "start Gitaly there, or correct the port; a Gitaly whose listen_addr is "
                    "localhost or 127.0.0.1 takes no calls from other hosts");
    case ETIMEDOUT:
      return broken("no answer",
                    "see whether the host is up, and whether a firewall drops packets");
    case EHOSTUNREACH:
    case ENETUNREACH:
      return broken("cannot be reached", "see whether the host is up and a route leads there");
    case ENOENT:
      return broken("no such socket", "start Gitaly, or correct the path (its socket_path)");
    case EACCES:
      return broken("not allowed", "run this as the user that Praefect runs as");
    default:
      return broken("cannot connect", "");
  }
}

Step JudgeTlsFailure(const GitalyServer& server, const net::TlsFailure& failure,
                     bool clear_answers) {
  if (clear_answers) {
    return BrokenAddress(server, Layer::kTls, "the node speaks without TLS there",
                         "write tcp:// instead of tls://, or the port of that Gitaly's "
                         "tls_listen_addr");
  }
  switch (failure.certificate_error) {
    case 0:
      return BrokenAddress(server, Layer::kTls, failure.text,
                           "the port is that of tls_listen_addr of Gitaly's config.toml");
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return BrokenAddress(server, Layer::kTls, failure.text,
                           "write a name that is in the certificate, or have it issued anew with "
                           "this one as a subject alternative name");
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Broken(Layer::kTls, failure.text, {},
                    "give that Gitaly a valid certificate (tls.certificate_path of its "
                    "config.toml), unless this host's clock is wrong: see date -u");
    default:
      return Broken(Layer::kTls, failure.text, {},
                    "add the authority's certificate to what this host trusts, or name it in "
                    "SSL_CERT_FILE or SSL_CERT_DIR: in the environment of Praefect, and of this "
                    "command, which reads its own");
  }
}

std::vector<Step> JudgeCertificate(int64_t not_after, int64_t now_unix_seconds) {
  std::vector<Step> steps{
      Good(Layer::kTls, fmt::format("certificate good until {}", net::ToDate(not_after)))};
  const int64_t days = (not_after - now_unix_seconds) / (24 * 3600);
  if (days < kDaysToRenew) {
    steps.push_back({Layer::kTls,
                     Outcome::kNote,
                     fmt::format("the node's certificate expires in {} days, at {}", days,
                                 net::ToDate(not_after)),
                     {},
                     "have it renewed"});
  }
  return steps;
}

Step JudgeGreeting(const GitalyServer& server, Greeting greeting, bool tls_answers) {
  if (greeting == Greeting::kHttp2) return Good(Layer::kHttp2, "HTTP/2");
  if (tls_answers || greeting == Greeting::kTls) {
    return BrokenAddress(
        server, Layer::kHttp2, "TLS is spoken there, and the address says that it is not",
        "write tls:// instead of tcp://, or the port of that Gitaly's listen_addr");
  }
  switch (greeting) {
    case Greeting::kHttp1:
      return BrokenAddress(server, Layer::kHttp2, "an HTTP/1 server answers, not Gitaly",
                           "correct the port; Gitaly's metrics have another one than its calls");
    case Greeting::kSilent:
      return BrokenAddress(server, Layer::kHttp2, "it takes connections and says nothing",
                           "see whether that Gitaly hangs, or something else has its port");
    case Greeting::kClosed:
      return BrokenAddress(server, Layer::kHttp2, "it closes connections without a word",
                           "see the log there; a load balancer without a Gitaly behind it does so");
    default:
      return BrokenAddress(server, Layer::kHttp2, "what answers does not speak HTTP/2",
                           "correct the port: that is not Gitaly");
  }
}

Step JudgeHealthFailure(const GitalyServer& server, const CallFailure& failure) {
  switch (static_cast<absl::StatusCode>(failure.code)) {
    case absl::StatusCode::kDeadlineExceeded:
      return Broken(Layer::kHealth, "no answer to the health check in time", {},
                    "that Gitaly is there and hangs: see its log, its load and its disks");
    case absl::StatusCode::kUnimplemented:
      return BrokenAddress(server, Layer::kHealth,
                           "what answers has no health checks: " + failure.message,
                           "correct the port: that is not Gitaly");
    default:
      return Broken(Layer::kHealth, "the health check fails: " + ToString(failure), {},
                    "see the log of that Gitaly");
  }
}

Step JudgeServingStatus(const std::string& serving_status) {
  if (serving_status == "SERVING") return Good(Layer::kHealth, "SERVING");
  return Broken(Layer::kHealth, "the node says that it is " + serving_status, {},
                "that Gitaly starts, stops or is broken: see its log");
}

std::vector<Step> JudgeRefusedToken(const GitalyServer& server, const CallFailure& failure,
                                    std::optional<int64_t> clock_lead) {
  const auto broken = [&](std::string message, std::string_view also = "") {
    return std::vector<Step>{Broken(Layer::kToken, std::move(message), SettingsOf(server, "token"),
                                    fmt::format("{}{}", kTokenHint, also))};
  };
  if (server.token.empty()) return broken("the node asks for a token, and none is configured");
  const TokenAnswer answer = JudgeTokenAnswer(failure.code, failure.message);
  const std::string answered = fmt::format("it answers \"{}\"", failure.message);
  const bool too_old = answer == TokenAnswer::kTooOld;
  if (clock_lead || too_old || answer == TokenAnswer::kTooNew) {
    return {Good(Layer::kToken, "the node has the same token"),
            Broken(Layer::kClock,
                   fmt::format("{}; it takes tokens only within {} s",
                               clock_lead ? Clocks(*clock_lead)
                                          : fmt::format("the node's clock is {} this host's ({})",
                                                        too_old ? "ahead of" : "behind", answered),
                               gitaly::kTokenTolerance.count()),
                   {}, std::string(kClockHint))};
  }
  if (answer == TokenAnswer::kMissing) return broken("the node sees no token: " + answered);
  if (answer == TokenAnswer::kRefused) {
    return broken("the node refuses the token: " + answered,
                  "; if they are the same, see whether date -u says the same on both hosts");
  }
  return broken("the node has another token: " + answered);
}

Step JudgeClockLead(int64_t clock_lead) {
  return {Layer::kClock,
          Outcome::kNote,
          fmt::format("{}; from {} s on it refuses every token", Clocks(clock_lead),
                      gitaly::kTokenTolerance.count() + 1),
          {},
          std::string(kClockHint)};
}

Step JudgeInfoFailure(const GitalyServer& server, const CallFailure& failure) {
  if (failure.code == static_cast<int>(absl::StatusCode::kUnimplemented)) {
    return BrokenAddress(server, Layer::kStorages,
                         "what answers does not know ServerInfo: " + failure.message,
                         "correct the port: that is not Gitaly");
  }
  return Broken(Layer::kStorages, "the node does not tell its storages: " + ToString(failure), {},
                "see the log of that Gitaly");
}

}  // namespace praefect::nodes
