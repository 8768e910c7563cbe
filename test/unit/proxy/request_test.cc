#include "proxy/request.h"

#include <catch2/catch.hpp>

#include "gitaly/token.h"
#include "proxy/node_heading.h"

namespace praefect::proxy {
namespace {

constexpr int64_t kNow = 1'535'671'600;

http2::HeaderList ClientHeaders() {
  http2::HeaderList headers;
  for (auto [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {":method", "POST"},
           {":scheme", "http"},
           {":authority", "praefect:2305"},
           {":path", "/gitaly.RefService/FindTag"},
           {"content-type", "application/grpc"},
           {"te", "trailers"},
           {"grpc-timeout", "10S"},
           {"authorization", "Bearer client"},
           {"content-length", "12"},
           {"x-bin", "AAEC"},
           {"x", "1"},
           {"x", "2"}}) {
    headers.Add(name, value);
  }
  return headers;
}

http2::HeaderList ForNode(const http2::HeaderList& request,
                          std::optional<std::chrono::milliseconds> left = std::nullopt) {
  return MakeNodeHeaders(request, "10.0.0.1:8075", "Bearer node", "id", left);
}

TEST_CASE("the headers that decide are read") {
  auto headers = ClientHeaders();
  auto read = ReadRequestHeaders(headers);
  CHECK(read.path == "/gitaly.RefService/FindTag");
  CHECK(read.timeout == "10S");
  CHECK(read.has_timeout);
  CHECK(read.correlation_id.empty());
}

TEST_CASE("a node gets its own token, never the client's") {
  auto request = ClientHeaders();
  auto headers = ForNode(request);
  int values = 0;
  for (const auto& field : headers.fields()) values += field.name == "authorization";
  CHECK(values == 1);
  CHECK(headers.Get("authorization") == "Bearer node");
}

TEST_CASE("a node without a token, and our own services, get none") {
  auto request = ClientHeaders();
  bool found = true;
  MakeNodeHeaders(request, "localhost", "", "id", std::nullopt).Get("authorization", &found);
  CHECK_FALSE(found);
}

TEST_CASE("metadata passes in order, repeated and binary") {
  auto request = ClientHeaders();
  auto headers = ForNode(request);
  std::string seen;
  for (const auto& f : headers.fields()) {
    if (f.name[0] == 'x' && f.name.size() < 6)
      seen += std::string(f.name) + "=" + std::string(f.value) + " ";
  }
  CHECK(seen == "x-bin=AAEC x=1 x=2 ");
}

TEST_CASE("the time left replaces the timeout, the length of the old body is dropped") {
  auto request = ClientHeaders();
  auto headers = ForNode(request, std::chrono::milliseconds(1'500));
  CHECK(headers.Get("grpc-timeout") == "1500m");
  CHECK(headers.Get("content-length").empty());
  CHECK(headers.Get(":authority") == "10.0.0.1:8075");
  CHECK(headers.Get("x-gitlab-correlation-id") == "id");
}

TEST_CASE("what requests say to a node is made once a second") {
  const config::Address six{config::Address::Kind::kTcp, "::1", 8075, ""};
  NodeHeading heading(&six);
  CHECK(heading.authority() == "[::1]:8075");
  CHECK(NodeHeading(nullptr).authority() == "localhost");
  auto good = [&](const char* token, int64_t now) {
    auto check = gitaly::CheckAuthorization(token, heading.Authorization(token, now), now);
    return check.verdict == gitaly::TokenVerdict::kGood && check.issued_unix_seconds == now;
  };
  CHECK(good("node secret", kNow));
  CHECK(good("node secret", kNow));
  CHECK(good("node secret", kNow + 1));
  CHECK(good("another secret", kNow + 1));
  CHECK(heading.Authorization("", kNow + 1).empty());
}

}  // namespace
}  // namespace praefect::proxy
