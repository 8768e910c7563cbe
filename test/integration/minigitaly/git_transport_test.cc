// Stock git through git-praefect-ssh.

#include <catch2/catch.hpp>

#include "node_client.h"

namespace praefect::test {
namespace {

class GitTransport {
 public:
  GitTransport() { REQUIRE(client_.Create("group/project.git") == "OK"); }

 protected:
  Outcome Clone(const std::vector<std::string>& options, const char* name) {
    std::vector<std::string> arguments = options;
    arguments.insert(arguments.end(), {"clone", "--quiet", "node:group/project.git", work_ / name});
    return Git(arguments, client_.node().GitEnvironment());
  }
  Outcome InWork(const char* name, const std::vector<std::string>& arguments) {
    return Git(arguments, client_.node().GitEnvironment(), work_ / name);
  }
  // The service saw this protocol: `version=2` travels in the first message.
  std::string Head(const char* name) { return InWork(name, {"rev-parse", "HEAD"}).output; }

  NodeClient client_;
  TemporaryDirectory work_;
};

TEST_CASE_METHOD(GitTransport, "what was pushed is cloned, in both protocols") {
  const std::string id = client_.Push("group/project.git", "main", std::string(3 << 20, 'x'));
  for (const char* version : {"0", "2"}) {
    const Outcome cloned = Clone({"-c", std::string("protocol.version=") + version}, version);
    CHECK(cloned.error == "");
    CHECK(Head(version) == id + "\n");
    CHECK(ReadFile(work_ / version / "file") == std::string(3 << 20, 'x'));
  }
}

TEST_CASE_METHOD(GitTransport, "git's protocol version reaches the node") {
  client_.Push("group/project.git", "main", "one");
  const auto trace = [&](const char* version) {
    auto environment = client_.node().GitEnvironment();
    environment["GIT_TRACE_PACKET"] = "1";
    return Git({"-c", std::string("protocol.version=") + version, "ls-remote",
                "node:group/project.git"},
               environment)
        .error;
  };
  CHECK(trace("2").find("< version 2") != std::string::npos);
  CHECK(trace("0").find("version 2") == std::string::npos);
}

TEST_CASE_METHOD(GitTransport, "fetch brings what was pushed since") {
  client_.Push("group/project.git", "main", "one");
  REQUIRE(Clone({}, "copy").exit_status == 0);
  const std::string id = client_.Push("group/project.git", "topic", "two");
  REQUIRE(InWork("copy", {"fetch", "--quiet"}).exit_status == 0);
  CHECK(InWork("copy", {"rev-parse", "origin/topic"}).output == id + "\n");
}

TEST_CASE_METHOD(GitTransport, "shallow and partial clones work") {
  client_.Push("group/project.git", "main", "one");
  REQUIRE(Clone({}, "copy").exit_status == 0);
  InWork("copy", {"commit", "--quiet", "--allow-empty", "-m", "second"});
  REQUIRE(InWork("copy", {"push", "--quiet"}).exit_status == 0);
  const auto environment = client_.node().GitEnvironment();
  Git({"clone", "--quiet", "--depth=1", "node:group/project.git", work_ / "shallow"}, environment);
  CHECK(InWork("shallow", {"rev-list", "--count", "HEAD"}).output == "1\n");
  Git({"clone", "--quiet", "--bare", "--filter=blob:none", "node:group/project.git",
       work_ / "partial"},
      environment);
  CHECK(InWork("partial", {"rev-list", "--objects", "--missing=print", "--all"}).output.find("?") !=
        std::string::npos);
}

TEST_CASE_METHOD(GitTransport, "tags and deletions travel") {
  client_.Push("group/project.git", "main", "one");
  REQUIRE(Clone({}, "copy").exit_status == 0);
  InWork("copy", {"tag", "-a", "-m", "first", "v1"});
  REQUIRE(
      InWork("copy", {"push", "--quiet", "origin", "v1", "HEAD:refs/heads/topic"}).exit_status ==
      0);
  CHECK(client_.OnDisk("group/project.git", "refs/tags/v1") != "");
  REQUIRE(InWork("copy", {"push", "--quiet", "origin", ":v1", ":topic"}).exit_status == 0);
  CHECK(client_.OnDisk("group/project.git", "refs/tags/v1") == "");
}

TEST_CASE_METHOD(GitTransport, "git archive --remote works") {
  client_.Push("group/project.git", "main", "archived");
  const Outcome archived =
      Git({"archive", "--remote=node:group/project.git", "main"}, client_.node().GitEnvironment());
  CHECK(archived.exit_status == 0);
  CHECK(archived.output.find("archived") != std::string::npos);
}

TEST_CASE_METHOD(GitTransport, "refusals reach the user in words") {
  const auto refusal = [&](const char* token, const char* path) {
    auto environment = client_.node().GitEnvironment();
    environment["PRAEFECT_TOKEN"] = token;
    const Outcome listed = Git({"ls-remote", std::string("node:") + path}, environment);
    CHECK(listed.exit_status == 128);
    const size_t answers = listed.error.find("answers ");
    return listed.error.substr(answers, listed.error.find('\n') - answers);
  };
  CHECK(refusal("", "group/project.git") ==
        "answers UNAUTHENTICATED (16): authentication required");
  CHECK(refusal("wrong", "group/project.git") ==
        "answers PERMISSION_DENIED (7): permission denied");
  CHECK(refusal("node secret", "missing.git") == "answers NOT_FOUND (5): repository not found");
}

TEST_CASE("the helper says what it can do and what it needs") {
  const std::string helper = GitPraefectSshProgram();
  CHECK(Run({{helper, "--help"}}).output.find("PRAEFECT_ADDRESS") != std::string::npos);
  CHECK(Run({{helper, "-G", "host"}}).exit_status == 0);
  CHECK(Run({{helper, "host", "rm -rf /"}}).error.find("only git-upload-pack") !=
        std::string::npos);
  CHECK(Run({{helper, "-p", "22", "-o", "SendEnv=GIT_PROTOCOL", "host", "git-upload-pack 'a.git'"},
             {{"PRAEFECT_ADDRESS", ""}}})
            .error.find("set PRAEFECT_ADDRESS") != std::string::npos);
}

TEST_CASE("a node listens on a unix socket as well") {
  const TemporaryDirectory folder;
  NodeClient client({.listen = "unix:" + (folder / "socket").string()});
  REQUIRE(client.Create("a.git") == "OK");
  const std::string id = client.Push("a.git", "main", "one");
  CHECK(client.OnDisk("a.git", "refs/heads/main") == id);
}

}  // namespace
}  // namespace praefect::test
