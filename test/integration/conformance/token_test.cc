// Who may call: version 2 tokens, and what refusals say.

#include <nlohmann/json.hpp>

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

using grpc::StatusCode;

constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

// A token whose signature is right and whose time is no number.
std::string SignedNonsense() {
  std::string good = Authorization("hunter2-client", UnixNow());
  return good.substr(0, good.rfind('.')) + ".tomorrow";
}

std::string WrongVersion() {
  std::string token = Authorization("hunter2-client", UnixNow());
  return token.replace(token.find("v2"), 2, "v3");
}

TEST_CASE_METHOD(Conformance, "no token, or none that can be one", "[praefect]") {
  Serve(Echo);
  const auto value =
      GENERATE(as<std::string>(), "", "Bearer", "Bearer ", "Basic Zm9vOmJhcg==", "Bearer secret",
               "Bearer v2.0abc", "Bearer v2.not-hex.1535671600");
  auto call = CallWithoutToken(kUnary);
  if (!value.empty()) call.With("authorization", value);
  CHECK_STATUS(call.Exchange({Sent()}), StatusCode::UNAUTHENTICATED, "authentication required");
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a token that is wrong", "[praefect]") {
  Serve(Echo);
  const auto value = GENERATE(
      as<std::string>(), Authorization("hunter2-other", UnixNow()),
      Authorization("hunter2-node", UnixNow()), Authorization("hunter2-client", UnixNow() - 60),
      Authorization("hunter2-client", UnixNow() + 60), SignedNonsense(), WrongVersion());
  auto call = CallWithoutToken(kUnary);
  CHECK_STATUS(call.With("authorization", value).Exchange({Sent()}), StatusCode::PERMISSION_DENIED,
               "permission denied");
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a token within its thirty seconds", "[praefect]") {
  Serve(Echo);
  const int64_t off = GENERATE(-20, 0, 20);
  auto call = CallWithoutToken(kUnary);
  call.With("authorization", Authorization("hunter2-client", UnixNow() + off));
  CHECK_OK(call.Exchange({Sent()}));
}

TEST_CASE_METHOD(Conformance, "several authorization values", "[praefect]") {
  Serve(Echo);
  auto call = Call(kUnary);
  call.With("authorization", Authorization("hunter2-client", UnixNow()));
  CHECK_STATUS(call.Exchange({Sent()}), StatusCode::UNAUTHENTICATED, "authentication required");
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a refusal does not wait for the first message", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  const uint32_t stream = client.Open(kBidi);
  CHECK(client.Answer(stream).grpc_status() == "16");
}

TEST_CASE_METHOD(Conformance, "health needs no token, reflection does", "[praefect]") {
  Serve(Echo);
  auto health = CallWithoutToken(kHealthCheck);
  CHECK_OK(health.Exchange({""}));
  const std::string list_services = BytesField(7, "");
  auto refused = CallWithoutToken(kReflection);
  CHECK_STATUS(refused.Exchange({list_services}), StatusCode::UNAUTHENTICATED,
               "authentication required");
  auto reflection = Call(kReflection);
  CHECK_OK(reflection.Exchange({list_services}));
  REQUIRE(reflection.answers().size() == 1);
  CHECK_THAT(reflection.answers()[0], Catch::Contains("gitaly.ServerService"));
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "without a configured token everybody may call", "[praefect]") {
  options().client_token = "";
  Serve(Echo);
  auto call = CallWithoutToken(kUnary);
  CHECK_OK(call.Exchange({Sent()}));
}

TEST_CASE_METHOD(Conformance, "while transitioning, failures are let through", "[praefect]") {
  options().transitioning = true;
  Serve(Echo);
  auto call = CallWithoutToken(kUnary);
  CHECK_OK(call.With("authorization", "Bearer nonsense").Exchange({Sent()}));
  CHECK(node().Seen().metadata.count("authorization") == 1);
}

TEST_CASE_METHOD(Conformance, "the client's token stays here, the node gets its own",
                 "[praefect]") {
  options().node_token = GENERATE(as<std::string>(), "hunter2-node", "");
  Serve(Echo);
  auto call = Call(kUnary);
  CHECK_OK(call.Exchange({Sent()}));
  const Metadata seen = node().Seen().metadata;
  if (options().node_token.empty()) {
    CHECK(seen.count("authorization") == 0);
  } else {
    REQUIRE(seen.count("authorization") == 1);
    CHECK(IsAuthorizedBy("hunter2-node", seen.find("authorization")->second));
  }
}

TEST_CASE_METHOD(Conformance, "a node that refuses Praefect's token", "[praefect]") {
  Serve([](NodeCall& call) {
    const Metadata metadata = call.metadata();
    const auto token = metadata.find("authorization");
    if (token == metadata.end() || !IsAuthorizedBy("hunter2-another", token->second)) {
      call.Finish({StatusCode::PERMISSION_DENIED, "permission denied"});
    }
  });
  auto call = Call(kUnary);
  CHECK_STATUS(call.Exchange({Sent()}), StatusCode::PERMISSION_DENIED, "permission denied");
  const auto line = praefect().WaitLog([](const nlohmann::json& candidate) {
    return candidate.dump().find("virtual_storage.node.token") != std::string::npos;
  });
  CHECK_THAT(line.dump(), Catch::Contains("gitaly-1"));
}

TEST_CASE_METHOD(Conformance, "no secret is ever logged", "[praefect]") {
  Serve(Echo);
  auto good = Call(kUnary);
  CHECK_OK(good.Exchange({Sent()}));
  auto bad = CallWithoutToken(kUnary);
  bad.With("authorization", "Bearer v2.0123abcd.1535671600").Exchange({Sent()});
  praefect().Terminate();
  CHECK(praefect().WaitExit() == 0);
  const std::string output = praefect().output();
  CHECK_THAT(output, !Catch::Contains("hunter2-client") && !Catch::Contains("hunter2-node") &&
                         !Catch::Contains("0123abcd") && !Catch::Contains("Bearer"));
}

}  // namespace
}  // namespace praefect::test
