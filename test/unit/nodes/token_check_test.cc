// Praefect's token, and nodes like Gitaly from 16.10 on: they answer health checks without one.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "probing.h"
#include "support/minigitaly/node_process.h"

namespace praefect::nodes {
namespace {

using Catch::Matchers::Contains;

std::unique_ptr<test::NodeProcess> NewNode(const std::string& token,
                                           const std::string& listen = "tcp://127.0.0.1:0") {
  return std::make_unique<test::NodeProcess>(
      test::NodeOptions{.token = token, .listen = listen, .arguments = {"-health-without-token"}});
}

bool Asked(const test::NodeProcess& node, const std::string& method) {
  const std::vector<std::string> calls = node.Record();
  return std::any_of(calls.begin(), calls.end(), [&](const std::string& call) {
    return call.find(method) != std::string::npos;
  });
}

TEST_CASE("a node that takes the token is up, and was asked") {
  const auto node = NewNode("secret");
  Probing probing({{node->address(), "secret"}}, nullptr);
  probing.manager().Start();
  probing.WaitFor(Health::kUp);
  CHECK(Asked(*node, "/gitaly.ServerService/ServerInfo"));
  CHECK(probing.lines().With("error when pinging healthcheck").empty());
}

TEST_CASE("a node that refuses the token is down, although its health is good, and stays so") {
  const auto node = NewNode("secret");
  Probing probing({{node->address(), "wrong"}}, nullptr);
  probing.manager().Start();
  const Node down = probing.WaitFor(Health::kDown);
  CHECK_THAT(down.reason, Contains("the node refused Praefect's token: "));
  CHECK(down.key_to_check == "virtual_storage.node.token");
  probing.WaitForCounter("token_refused_total", 20);
  CHECK(probing.lines().With("error when pinging healthcheck").size() == 1);
  CHECK(probing.lines().With("node is healthy").empty());
}

TEST_CASE("a node whose token is changed goes down, and up when that is taken back") {
  auto node = NewNode("secret");
  const std::string address = node->address();
  Probing probing({{address, "secret"}}, nullptr);
  probing.manager().Start();
  probing.WaitFor(Health::kUp);
  node.reset();
  node = NewNode("another", address);
  probing.WaitFor(Health::kDown, "refused Praefect's token");
  node.reset();
  node = NewNode("secret", address);
  CHECK(probing.WaitFor(Health::kUp).key_to_check.empty());
}

}  // namespace
}  // namespace praefect::nodes
