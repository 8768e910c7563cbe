// Gitalys that answer, and what may be wrong with them.

#include <catch2/catch.hpp>

#include "dialing.h"

namespace praefect::test {
namespace {

using Catch::Matchers::Contains;
using Strings = std::vector<std::string>;

// One node, and what dial-nodes says of it.
class Dialed {
 public:
  explicit Dialed(const NodeOptions& options, const std::string& token = kToken,
                  const Strings& faults = {}, const Strings& arguments = {})
      : node_(options) {
    node_.SetFaults(faults);
    Dialing dialing;
    dialing.Add("gitaly-1", node_.address(), token);
    ending = dialing.Run(arguments);
    lines = LinesOf(ending, node_.address());
    report = ReportOn(ending, node_.address());
  }

  Ending ending;
  Strings lines;
  std::string report;

 private:
  const NodeProcess node_;
};

const std::string kTokenSetting = "change: virtual_storage \"default\" node \"gitaly-1\": token";

TEST_CASE("a node that is well is told so in upstream's lines") {
  const Dialed dialed(GENERATE(NewGitaly("gitaly-1"), OldGitaly("gitaly-1")));
  CHECK(dialed.ending.exit_code == 0);
  CHECK(dialed.ending.error.empty());
  CHECK(dialed.lines == Strings{"dialing...", "dialed successfully!", "checking health...",
                                "SUCCESS: node is healthy!", "checking consistency...",
                                "SUCCESS: confirmed Gitaly storage \"gitaly-1\" in virtual "
                                "storages [default] is served",
                                "SUCCESS: node configuration is consistent!"});
  CHECK_THAT(dialed.report, Catch::StartsWith("OK tcp://"));
  CHECK_THAT(dialed.report, Contains("Gitaly 18.9.0, git 2."));
  CHECK_THAT(dialed.report, Contains("round trip "));
}

TEST_CASE("a wrong token is found where health checks do not need it") {
  const Dialed dialed(NewGitaly("gitaly-1"), "wrong");
  CHECK(dialed.ending.exit_code == 1);
  CHECK(Strings(dialed.lines.begin() + 4, dialed.lines.end()) ==
        Strings{"checking consistency...",
                "ERROR: failed to receive state from the remote: rpc error: code = "
                "PermissionDenied desc = permission denied: wrong hmac signature",
                "ERROR: consistency check failed"});
  CHECK_THAT(dialed.report, Contains("health ok, token BROKEN"));
  CHECK_THAT(dialed.report, Contains(kTokenSetting));
}

TEST_CASE("a wrong token is found where health checks need it") {
  const Dialed dialed(OldGitaly("gitaly-1"), "wrong");
  CHECK(dialed.lines.back() ==
        "ERROR: unable to request health check: rpc error: code = PermissionDenied desc = "
        "permission denied");
  CHECK_THAT(dialed.report, Contains("HTTP/2 ok, token BROKEN"));
  CHECK_THAT(dialed.report, Contains(kTokenSetting));
}

TEST_CASE("a token that is not configured is told from a wrong one") {
  const Dialed dialed(GENERATE(NewGitaly("gitaly-1"), OldGitaly("gitaly-1")), "");
  CHECK_THAT(dialed.report, Contains("token BROKEN"));
  CHECK_THAT(dialed.report, Contains("the node asks for a token, and none is configured"));
  CHECK_THAT(dialed.report, Contains(kTokenSetting));
}

TEST_CASE("a clock that is wrong is told from a token that is") {
  const auto make = GENERATE(NewGitaly, OldGitaly);
  const std::string offset = GENERATE("95", "-95", "7200");
  const Dialed dialed(make("gitaly-1", {"-clock-offset=" + offset}));
  CHECK(dialed.ending.exit_code == 1);
  CHECK_THAT(dialed.report, Contains("token ok, clock BROKEN"));
  const bool behind = offset[0] == '-';
  CHECK_THAT(dialed.report, Contains(" s " + std::string(behind ? "behind" : "ahead of")));
  CHECK_FALSE(Mentions(dialed.report, "change:"));
}

TEST_CASE("a clock that begins to go wrong is worth a note") {
  const Dialed dialed(NewGitaly("gitaly-1", {"-clock-offset=20"}));
  CHECK(dialed.ending.exit_code == 0);
  CHECK_THAT(dialed.report, Contains("note: the node's clock is"));
}

TEST_CASE("a node in order has to refuse no token") {
  const NodeProcess node(NewGitaly("gitaly-1"));
  Dialing dialing;
  dialing.Add(node);
  dialing.Run();
  for (const std::string& line : node.Record()) CHECK_FALSE(Mentions(line, "PERMISSION_DENIED"));
}

TEST_CASE("a node that does not serve says so") {
  const Dialed dialed(NewGitaly("gitaly-1", {"-not-serving"}));
  CHECK(dialed.lines.back() ==
        "ERROR: health check did not report serving, instead reported: NOT_SERVING");
  CHECK_THAT(dialed.report, Contains("health BROKEN"));
}

TEST_CASE("a node that hangs costs the timeout and no more") {
  const std::string method = GENERATE("Check", "ServerInfo");
  const Dialed dialed(NewGitaly("gitaly-1"), kToken, {"hang@" + method}, {"-timeout", "500ms"});
  CHECK(dialed.ending.exit_code == 1);
  CHECK_THAT(dialed.report, Contains(method == "Check" ? "health BROKEN" : "storages BROKEN"));
}

TEST_CASE("a storage of another name is missing") {
  const Dialed dialed(NewGitaly("gitaly_1"));
  CHECK(dialed.lines.at(5) == "ERROR: configured storage was not reported by remote: \"gitaly-1\"");
  CHECK_THAT(dialed.report, Contains("storages BROKEN"));
  CHECK_THAT(dialed.report, Contains("node \"gitaly-1\": storage"));
}

TEST_CASE("a storage that cannot be read or written is the disk's fault") {
  const auto [argument, layer] = GENERATE(table<std::string, std::string>(
      {{"-unreadable", "readable BROKEN"}, {"-unwritable", "readable ok, writable BROKEN"}}));
  const Dialed dialed(NewGitaly("gitaly-1", {argument, "gitaly-1"}));
  CHECK(dialed.lines.at(5) == "ERROR: storage \"gitaly-1\" is not readable or writable");
  CHECK_THAT(dialed.report, Contains(layer));
  CHECK_FALSE(Mentions(dialed.report, "change:"));
}

TEST_CASE("what a node says cannot play with the terminal") {
  const TemporaryDirectory folder;
  const std::string evil = "evil\x1b[31m\n[tcp://10.0.0.1:8075]: SUCCESS";
  const Dialed dialed(NewGitaly("gitaly-1", {"-storage", evil + "=" + folder.path().string()}));
  CHECK_FALSE(Mentions(dialed.ending.output, "\x1b"));
  CHECK_FALSE(Mentions(dialed.ending.output, "\n[tcp://10.0.0.1"));
  CHECK_THAT(dialed.report, Contains("also serves"));
}

TEST_CASE("two nodes on one disk are no replicas of each other") {
  const NodeProcess one(NewGitaly("gitaly-1"));
  const NodeProcess two(NewGitaly("spare", {"-storage", "gitaly-2=" + one.Folder("").string()}));
  Dialing dialing;
  dialing.Add(one);
  dialing.Add("gitaly-2", two.address());
  const Ending ending = dialing.Run();
  CHECK(ending.exit_code == 1);
  for (const NodeProcess* node : {&one, &two}) {
    CHECK_THAT(ReportOn(ending, node->address()), Contains("separate BROKEN"));
    CHECK_THAT(LinesOf(ending, node->address()).back(), Catch::StartsWith("ERROR: storage "));
  }
}

TEST_CASE("two tokens for one address are both tried") {
  const NodeProcess node(NewGitaly("gitaly-1"));
  Dialing dialing("one");
  dialing.Add("gitaly-1", node.address());
  dialing.AddVirtualStorage("two");
  dialing.Add("gitaly-1", node.address(), "wrong");
  const Ending ending = dialing.Run();
  CHECK_THAT(ending.output, Contains("OK    " + node.address() + " (one/gitaly-1)"));
  CHECK_THAT(ending.output, Contains("FAIL  " + node.address() + " (two/gitaly-1)"));
  CHECK(ending.error == "the following nodes are not healthy: " + node.address() + "\n");
}

}  // namespace
}  // namespace praefect::test
