#include "nodes/health_tracker.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace praefect::nodes {
namespace {

ProbeResult Failed(ProbeResult::Cause cause) { return {cause, "for a reason", {}, {}}; }

// A node as a tracker sees it, told in letters. What a probe finds: '+' all is well, '-' the health
// check fails; 'r' it is good, but the token is refused; 't' it is good, but the token check fails
// otherwise.
class Watched {
 public:
  // The health after each probe: '?', 'U' or 'D'.
  std::string HealthAfter(std::string_view probes) {
    std::string health;
    for (const char probe : probes) {
      Probe(probe);
      health += Letter();
    }
    return health;
  }
  // For each probe, whether it asked about the token.
  std::string AskedAfter(std::string_view probes) {
    std::string asked;
    for (const char probe : probes) asked += Probe(probe) ? 'a' : '.';
    return asked;
  }
  const ProbeResult& last() const { return last_; }

 private:
  bool Probe(char probe) {
    using Cause = ProbeResult::Cause;
    if (probe == '-') {
      last_ = tracker_.Observe(Failed(Cause::kUnreachable));
      return false;
    }
    const bool ask = tracker_.TokenCheckDue();
    const ProbeResult good{.latency = std::chrono::milliseconds(7)};
    if (!ask) {
      last_ = tracker_.Observe(good);
    } else if (probe == '+') {
      last_ = tracker_.Observe(good, {});
    } else {
      last_ = tracker_.Observe(good, Failed(probe == 'r' ? Cause::kTokenRefused : Cause::kTimeout));
    }
    return ask;
  }
  char Letter() const {
    if (tracker_.health() == Health::kUnknown) return '?';
    return tracker_.health() == Health::kUp ? 'U' : 'D';
  }

  HealthTracker tracker_;
  ProbeResult last_;
};

std::string HealthAfter(std::string_view probes) { return Watched().HealthAfter(probes); }
std::string AskedAfter(std::string_view probes) { return Watched().AskedAfter(probes); }

TEST_CASE("nothing is known before the first probe") {
  CHECK(HealthTracker().health() == Health::kUnknown);
}

TEST_CASE("health after rows of probes") {
  CHECK(HealthAfter("+") == "U");
  CHECK(HealthAfter("-") == "?");
  CHECK(HealthAfter("--") == "?D");
  CHECK(HealthAfter("-+") == "?U");
  CHECK(HealthAfter("+-+-+-") == "UUUUUU");
  CHECK(HealthAfter("+--") == "UUD");
  CHECK(HealthAfter("+--+") == "UUDD");
  CHECK(HealthAfter("+--++") == "UUDDU");
  CHECK(HealthAfter("--+-+-++") == "?DDDDDDU");
  CHECK(HealthAfter("--++-+--") == "?DDUUUUD");
}

TEST_CASE("the token is asked for before a node is declared up, then with every tenth probe") {
  CHECK(AskedAfter("+++++++++++++++++++++") == "a.........a.........a");
  CHECK(AskedAfter("-+") == ".a");
  CHECK(AskedAfter("++--+++") == "a...aa.");
}

TEST_CASE("a node that refuses the token does not flap with its good health checks") {
  CHECK(HealthAfter("rrrrrrrrrrrr") == "?DDDDDDDDDDD");
  CHECK(AskedAfter("rrrrrrrrrrrr") == "aaaaaaaaaaaa");
  CHECK(HealthAfter("rr-rrr") == "?DDDDD");
}

TEST_CASE("a refused token counts as any failed probe, and so does its end") {
  CHECK(HealthAfter("r+") == "?U");
  CHECK(HealthAfter("rr++") == "?DDU");
  CHECK(HealthAfter("rr+r+r++") == "?DDDDDDU");
  CHECK(HealthAfter("+rrrrrrrrrrr") == "UUUUUUUUUUUD");
  CHECK(HealthAfter("+++++++++rrr+") == "UUUUUUUUUUUDD");
}

TEST_CASE("other failures of the token check are no verdict") {
  CHECK(HealthAfter("tt") == "UU");
  CHECK(AskedAfter("tttttttttttt") == "a.........a.");
  CHECK(HealthAfter("rrtttt++") == "?DDDDDDU");
}

TEST_CASE("a probe as a whole says what the token check said") {
  Watched node;
  node.HealthAfter("rt");
  CHECK(node.last().cause == ProbeResult::Cause::kTokenRefused);
  CHECK(node.last().latency == std::chrono::milliseconds(7));
  node.HealthAfter("+");
  CHECK(node.last().good());
  node.HealthAfter("-");
  CHECK(node.last().cause == ProbeResult::Cause::kUnreachable);
}

}  // namespace
}  // namespace praefect::nodes
