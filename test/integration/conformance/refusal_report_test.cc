// Nothing silent: whatever Praefect refuses stands in its log and in its metrics, with its reason.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

// One whole request; `fields` replace the valid ones.
RawAnswer Ask(RawClient& client, const std::string& path, const Fields& fields,
              const std::string& data) {
  const uint32_t stream = client.Open(path, fields);
  client.connection().SendData(stream, data, true);
  return client.Answer(stream);
}

struct Reported : Conformance {
  Reported() {
    options().keys = "prometheus_listen_addr = \"127.0.0.1:0\"";
    options().limits = "max_first_message_bytes = 2000";
    options().tables =
        "[[virtual_storage]]\nname = \"down\"\n[[virtual_storage.node]]\nstorage = \"gitaly-2\"\n"
        "address = \"tcp://127.0.0.1:9\"\n";
    Serve(Echo);
  }

  void Ask(const std::string& path, const Fields& fields, const std::string& data) {
    RawClient client(address());
    CHECK(test::Ask(client, path, fields, data).grpc_status() != "0");
  }

  void CheckReported(const std::string& reason) {
    const auto line = praefect().WaitLog(
        [&](const nlohmann::json& l) { return l.value("praefect.refusal", "") == reason; });
    CHECK_FALSE(line.value("error", "").empty());
    CHECK_THAT(praefect().MetricsPage(),
               Catch::Contains(
                   fmt::format("gitaly_praefect_refusals_total{{reason=\"{}\"}} 1\n", reason)));
    CHECK(node_calls() == 0);
  }
};

TEST_CASE_METHOD(Reported, "a refused token is logged and counted with what was wrong",
                 "[praefect]") {
  const int64_t now = UnixNow();
  const auto [token, reason] = GENERATE_COPY(table<std::string, std::string>(
      {{"", "auth_missing"},
       {"Bearer v3.00.1", "auth_version"},
       {Authorization("other", now), "auth_signature"},
       {Authorization("hunter2-client", now - 60), "auth_too_old"},
       {Authorization("hunter2-client", now + 60), "auth_too_new"}}));
  Fields fields;
  if (!token.empty()) fields.push_back({"authorization", token});
  Ask(kUnary, fields, GrpcFrame(Sent()));
  CheckReported(reason);
}

TEST_CASE_METHOD(Reported, "a refused request is logged and counted with its reason",
                 "[praefect]") {
  struct Row {
    std::string path, data, reason;
    Fields fields;
  };
  const std::string good = GrpcFrame(Sent());
  std::string squeezed = good;
  squeezed[0] = 1;
  const Row row = GENERATE_COPY(
      values<Row>({{"/gitaly.RefService/Nothing", good, "unknown_method", {}},
                   {"/gitaly.SSHService/SSHUploadPackWithSidechannel", good, "not_served", {}},
                   {kUnary, GrpcFrame("\x0a\xff\xff"), "first_message_malformed", {}},
                   {kUnary, GrpcFrame(std::string(2'001, 'x')), "first_message_too_long", {}},
                   {kUnary, good.substr(0, 9), "first_message_cut_short", {}},
                   {kUnary, squeezed, "first_message_encoding", {{"grpc-encoding", "br"}}},
                   {kUnary, GrpcFrame(Request("down", "")), "node_unanswered", {}},
                   {kUnary, good, "timeout", {{"grpc-timeout", "soon"}}},
                   {kUnary, good, "content_type", {{"content-type", "text/plain"}}}}));
  Ask(row.path, Authorized(row.fields), row.data);
  CheckReported(row.reason);
}

TEST_CASE_METHOD(Reported, "connections that speak something else are counted by what they speak",
                 "[praefect]") {
  const auto [bytes, reason] = GENERATE(table<std::string, std::string>(
      {{"GET / HTTP/1.1\r\n\r\n", "http1"}, {"\x16\x03\x01", "tls_on_plain_port"}}));
  Socket socket = Dial(address());
  socket.WriteAll(bytes);
  std::string rest;
  while (socket.ReadSome(rest, std::chrono::seconds(5)) == Socket::Input::kBytes) {
  }
  CHECK_THAT(praefect().MetricsPage(),
             Catch::Contains(fmt::format(
                 "gitaly_praefect_client_connections_closed_total{{reason=\"{}\"}} 1\n", reason)));
}

TEST_CASE_METHOD(Conformance, "connections above the limit are closed and counted", "[praefect]") {
  options().keys = "prometheus_listen_addr = \"127.0.0.1:0\"";
  options().limits = "max_connections = 5";
  Serve(Echo);
  std::vector<Socket> sockets;  // the fixture may hold connections of its own
  for (int i = 0; i < 10; ++i) sockets.push_back(Dial(address()));
  const std::string counter = "gitaly_praefect_refusals_total{reason=\"max_connections\"} ";
  CHECK(Eventually([&] {
    const std::string page = praefect().MetricsPage();
    const size_t at = page.find(counter);
    return at != std::string::npos && std::stoi(page.substr(at + counter.size())) >= 5;
  }));
  sockets.clear();
  CHECK(Eventually([&] { return Call(kUnary).Exchange({Sent()}).ok(); }));
}

TEST_CASE_METHOD(Reported, "an unknown name never becomes a label", "[praefect]") {
  Ask("/gitaly.RefService/OneOfManyNames", Authorized(), GrpcFrame(Sent()));
  CHECK_THAT(praefect().MetricsPage(), !Catch::Contains("OneOfManyNames"));
}

}  // namespace
}  // namespace praefect::test
