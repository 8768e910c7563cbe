// What Praefect refuses by itself: a refusal never reaches a node.

#include <nlohmann/json.hpp>

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

using grpc::StatusCode;

// A pool on one virtual storage, a repository on another.
std::string LinkRequest(std::string_view pool_storage, std::string_view storage) {
  return BytesField(1, BytesField(1, Repository(pool_storage, "@pools/aa/bb/pool.git"))) +
         BytesField(2, Repository(storage));
}

std::string On(std::string_view storage, std::string_view path) {
  return BytesField(1, Repository(storage, path));
}

TEST_CASE_METHOD(Conformance, "a method that nobody has", "[praefect]") {
  Serve(Echo);
  const auto method = GENERATE(as<std::string>(), "/gitaly.RefService/NoSuchMethod",
                               "/no.such.Service/Method", "/nonsense", "/");
  auto call = Call(method);
  const grpc::Status status = call.Exchange({Sent()});
  CHECK(status.error_code() == StatusCode::UNIMPLEMENTED);
  CHECK_THAT(status.error_message(), Catch::Contains(method));
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a method that Praefect does not serve", "[praefect]") {
  Serve(Echo);
  const auto method = GENERATE(
      as<std::string>(), "/gitaly.InfoService/ListRepositories",
      "/gitaly.PraefectInfoService/DatalossCheck", "/gitaly.RepositoryService/RemoveAll",
      "/gitaly.SSHService/SSHUploadPackWithSidechannel", "/gitaly.InternalGitaly/StorePoolMetadata",
      "/gitaly.RefTransaction/VoteTransaction");
  auto call = Call(method);
  const grpc::Status status = call.Exchange({Sent()});
  CHECK(status.error_code() == StatusCode::UNIMPLEMENTED);
  CHECK_THAT(status.error_message(), Catch::Contains(method));
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a request that names no repository that can be", "[praefect]") {
  Serve(Echo);
  const auto [request, message] = GENERATE(table<std::string, std::string>(
      {{BytesField(3, "other"), "repository not set"},
       {On("", ""), "storage name not set"},
       {On("", "group/project.git"), "storage name not set"},
       {BytesField(1, ""), "storage name not set"},
       {On("default", ""), "repository path not set"},
       {On("nowhere", "group/project.git"), "storage name not found"},
       // The physical name is not for clients.
       {On("gitaly-1", "group/project.git"), "storage name not found"}}));
  auto call = Call(GENERATE(as<std::string>(), kUnary, kBidi));
  CHECK_STATUS(call.Exchange({request}), StatusCode::INVALID_ARGUMENT, message);
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a storage-scoped request for no storage that can be", "[praefect]") {
  Serve(Echo);
  auto empty = Call(kNamespaceExists);
  CHECK_STATUS(empty.Exchange({BytesField(2, "group")}), StatusCode::INVALID_ARGUMENT,
               "storage name not set");
  auto unknown = Call(kNamespaceExists);
  CHECK_STATUS(unknown.Exchange({BytesField(1, "nowhere")}), StatusCode::INVALID_ARGUMENT,
               "storage name not found");
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "an additional repository on another virtual storage", "[praefect]") {
  options().tables =
      "[[virtual_storage]]\nname = \"other\"\n[[virtual_storage.node]]\nstorage = \"gitaly-2\"\n"
      "address = \"tcp://127.0.0.1:9\"\n";
  Serve(Echo);
  auto call = Call(kLinkPool);
  CHECK_STATUS(call.Exchange({LinkRequest("other", "default")}), StatusCode::INVALID_ARGUMENT,
               "resolving additional repository on different storage than target repository is not "
               "supported");
  CHECK(node_calls() == 0);
}

// One stream with `data` as the whole request.
RawAnswer Ask(RawClient& client, const Fields& fields, const std::string& data, bool end = true) {
  const uint32_t stream = client.Open(kUnary, fields);
  client.connection().SendData(stream, data, end);
  return client.Answer(stream);
}

TEST_CASE_METHOD(Conformance, "a first message that is no protobuf", "[praefect]") {
  Serve(Echo);
  const auto message = GENERATE(as<std::string>(), "\x0a\xff\xff", "\x0a\x04\x12\x7f", "\xff",
                                "\x0a\x03\x12\x01\xfe");
  auto call = Call(kUnary);
  CHECK(call.Exchange({message}).error_code() == StatusCode::INVALID_ARGUMENT);
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a first message longer than the limit", "[praefect]") {
  options().limits = "max_first_message_bytes = 10000";
  Serve(Echo);
  const size_t room = 10'000 - Sent(std::string(9'000, 'x')).size() + 9'000;
  auto fits = Call(kUnary);
  CHECK_OK(fits.Exchange({Sent(std::string(room, 'x'))}));
  auto too_long = Call(kUnary);
  CHECK(too_long.Exchange({Sent(std::string(room + 1, 'x'))}).error_code() ==
        StatusCode::RESOURCE_EXHAUSTED);
  CHECK(node_calls() == 1);
}

TEST_CASE_METHOD(Conformance, "a first message that only says it is too long", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  CHECK(Ask(client, Authorized(), std::string("\0\xff\xff\xff\xff", 5), false).grpc_status() ==
        "8");
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a refusal that would quote more than an answer holds",
                 "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  // Each of these bytes takes three in grpc-message.
  const uint32_t stream = client.Open("/" + std::string(30'000, '\xe4'), Authorized(), true);
  const RawAnswer answer = client.Answer(stream);
  CHECK(answer.grpc_status() == "12");
  CHECK(answer.grpc_message().size() < 10'000);
}

TEST_CASE_METHOD(Conformance, "first messages that never end fill the buffers, not the memory",
                 "[praefect]") {
  options().limits = "max_buffered_bytes = 1048576";
  Serve(Echo);
  RawClient client(address());
  REQUIRE(Ask(client, Authorized(), GrpcFrame(Sent())).grpc_status() == "0");  // settings are known
  const std::string begun = std::string("\0\0\x3f\0\0", 5) + std::string(250'000, 'x');
  for (int i = 0; i < 5; i++) {
    const uint32_t stream = client.Open(kUnary, Authorized());
    client.connection().SendData(stream, begun);
    if (i < 3) continue;  // three fit
    CHECK(client.Answer(stream).grpc_status() == "8");
  }
  CHECK(node_calls() == 1);
}

TEST_CASE_METHOD(Conformance, "a first message that is cut short", "[praefect]") {
  Serve(Echo);
  const std::string whole = GrpcFrame(Sent());
  const size_t bytes = GENERATE(1, 4, 5, 20);
  RawClient client(address());
  CHECK(Ask(client, Authorized(), whole.substr(0, bytes)).grpc_status() == "13");
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a first message in many pieces") {
  Serve(Echo);
  RawClient client(address());
  const uint32_t stream = client.Open(kUnary, Authorized());
  for (const char byte : GrpcFrame(Sent("pieces"))) {
    client.connection().SendData(stream, std::string(1, byte));
  }
  client.connection().SendData(stream, "", true);
  CHECK(JoinMessages(client.Answer(stream).data) == Seen("pieces"));
}

TEST_CASE_METHOD(Conformance, "a malformed grpc-timeout", "[praefect]") {
  Serve(Echo);
  const auto timeout = GENERATE(as<std::string>(), "soon", "10", "S", "-1S", "123456789S", "10x");
  RawClient client(address());
  const RawAnswer answer =
      Ask(client, Authorized({{"grpc-timeout", timeout}}), GrpcFrame(Sent("late")));
  CHECK(answer.grpc_status() == "13");  // what Gitaly's own gRPC answers
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a timeout of zero has passed already", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  CHECK(Ask(client, Authorized({{"grpc-timeout", "0m"}}), GrpcFrame(Sent())).grpc_status() == "4");
}

TEST_CASE_METHOD(Conformance, "a node that is not there", "[praefect]") {
  ServeNothing();
  // At once, while nothing is known of the node yet, and later, when it is known to be down.
  const bool known = GENERATE(false, true);
  if (known) WaitUntilNotServing();
  auto call = Call(kUnary);
  const grpc::Status status = call.Exchange({Sent()});
  CHECK(status.error_code() == StatusCode::UNAVAILABLE);
  CHECK_THAT(status.error_message(), Catch::StartsWith("all SubCons are in TransientFailure"));
  CHECK_THAT(status.error_message(), Catch::Contains("gitaly-1"));
  CHECK_THAT(status.error_message(), Catch::Contains(node_address()));
  praefect().WaitLog([](const nlohmann::json& line) {
    return line.dump().find("virtual_storage.node.address") != std::string::npos;
  });
}

}  // namespace
}  // namespace praefect::test
