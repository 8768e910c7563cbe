// What Praefect changes on the way to the node, what it leaves alone, and what it logs.

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

constexpr char kCorrelationId[] = "x-gitlab-correlation-id";

std::string FirstMessage(GrpcNode& node) {
  return node.SeenWhen(0, [](const SeenCall& seen) { return !seen.messages.empty(); }).messages[0];
}

TEST_CASE_METHOD(Conformance, "unknown fields around the storage survive", "[praefect]") {
  Serve(Echo);
  const auto request = [](std::string_view storage) {
    const std::string repository = BytesField(900, "before") + Repository(storage) +
                                   BytesField(6, "project-1") + BytesField(901, "after");
    return BytesField(700, "x") + BytesField(1, repository) + BytesField(701, Pattern(300));
  };
  auto call = Call(kUnary);
  CHECK_OK(call.Exchange({request("default")}));
  CHECK(FirstMessage(node()) == request("gitaly-1"));
}

TEST_CASE_METHOD(Conformance, "the additional repository is rewritten as well", "[praefect]") {
  Serve(Echo);
  const auto request = [](std::string_view storage) {
    return BytesField(1, BytesField(1, Repository(storage, "@pools/aa/bb/pool.git"))) +
           BytesField(2, Repository(storage));
  };
  auto call = Call(kLinkPool);
  CHECK_OK(call.Exchange({request("default")}));
  CHECK(FirstMessage(node()) == request("gitaly-1"));
}

TEST_CASE_METHOD(Conformance, "the source of a fork travels unmodified", "[praefect]") {
  Serve(Echo);
  const auto request = [](std::string_view storage) {
    return BytesField(1, Repository(storage, "fork.git")) + BytesField(2, Repository("default"));
  };
  auto call = Call("/gitaly.RepositoryService/CreateFork");
  CHECK_OK(call.Exchange({request("default")}));
  CHECK(FirstMessage(node()) == request("gitaly-1"));
}

TEST_CASE_METHOD(Conformance, "a storage field is rewritten", "[praefect]") {
  Serve(Echo);
  const auto request = [](std::string_view storage) {
    return BytesField(1, storage) + BytesField(2, "group");
  };
  auto call = Call(kNamespaceExists);
  CHECK_OK(call.Exchange({request("default")}));
  CHECK(FirstMessage(node()) == request("gitaly-1"));
}

TEST_CASE_METHOD(Conformance, "later messages are not rewritten") {
  Serve(Echo);
  auto call = Call(kBidi);
  CHECK_OK(call.Exchange({Sent(), Request("default")}));
  CHECK(call.answers() == std::vector{Seen(), Request("default")});
}

TEST_CASE_METHOD(Conformance, "a correlation id is passed on") {
  Serve(Echo);
  auto call = Call(kUnary);
  CHECK_OK(call.With(kCorrelationId, "01ABC-id").Exchange({Sent()}));
  const Metadata seen = node().Seen().metadata;
  REQUIRE(seen.count(kCorrelationId) == 1);
  CHECK(seen.find(kCorrelationId)->second == "01ABC-id");
}

TEST_CASE_METHOD(Conformance, "a correlation id is made when there is none", "[praefect]") {
  Serve(Echo);
  std::set<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    auto call = Call(kUnary);
    CHECK_OK(call.Exchange({Sent()}));
    const Metadata seen = node().Seen(i).metadata;
    REQUIRE(seen.count(kCorrelationId) == 1);
    ids.insert(seen.find(kCorrelationId)->second);
  }
  CHECK(ids.size() == 3);
  CHECK(ids.count("") == 0);
}

// The access line of the first call with the correlation id.
nlohmann::json AccessLine(PraefectProcess& praefect, const std::string& id) {
  return praefect.WaitLog([&id](const nlohmann::json& line) {
    return line.value("correlation_id", "") == id && line.contains("grpc.code");
  });
}

TEST_CASE_METHOD(Conformance, "every call has an access line", "[praefect]") {
  Serve(Refuse({grpc::StatusCode::NOT_FOUND, "gone"}));
  auto call = Call(kUnary);
  CHECK_STATUS(call.With(kCorrelationId, "found-me").Exchange({Sent()}),
               grpc::StatusCode::NOT_FOUND, "gone");
  const nlohmann::json line = AccessLine(praefect(), "found-me");
  CHECK(line.value("grpc.service", "") == "gitaly.RefService");
  CHECK(line.value("grpc.method", "") == "FindDefaultBranchName");
  CHECK(line.value("grpc.code", "") == "NotFound");
}

TEST_CASE_METHOD(Conformance, "a refused call has an access line", "[praefect]") {
  Serve(Echo);
  auto call = CallWithoutToken(kUnary);
  call.With(kCorrelationId, "refused-me").Exchange({Sent()});
  CHECK(AccessLine(praefect(), "refused-me").value("grpc.code", "") == "Unauthenticated");
}

TEST_CASE_METHOD(Conformance, "bytes of any kind break no line of the log", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  const Fields fields = Authorized(
      {{"user-agent", "agent \"quoted\" \xff\xfe \\ {}"}, {kCorrelationId, "odd \xc3\x28 id"}});
  const uint32_t stream = client.Open(kUnary, fields);
  const std::string path = "a\n\"b\"\x01\x7f.git";
  client.connection().SendMessage(stream, BytesField(1, Repository("default", path)), true);
  CHECK(client.Answer(stream).grpc_status() == "0");
  auto after = Call(kUnary);
  CHECK_OK(after.With(kCorrelationId, "after").Exchange({Sent()}));
  AccessLine(praefect(), "after");
  std::istringstream output(praefect().output());
  for (std::string line; std::getline(output, line);) CHECK(nlohmann::json::accept(line));
}

}  // namespace
}  // namespace praefect::test
