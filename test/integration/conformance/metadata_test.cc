// Metadata and trailers, both ways.

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

std::vector<std::string> Values(const Metadata& metadata, const std::string& key) {
  std::vector<std::string> values;
  const auto [begin, end] = metadata.equal_range(key);
  for (auto it = begin; it != end; ++it) values.push_back(it->second);
  return values;
}

using Strings = std::vector<std::string>;

// Every byte that there is, zero included.
std::string AllBytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

// The same metadata as headers and as trailers.
GrpcNode::Script AnswerWith(Metadata metadata) {
  return [metadata = std::move(metadata)](NodeCall& call) {
    for (const auto& [key, value] : metadata) call.AddHeader(key, value);
    for (const auto& [key, value] : metadata) call.AddTrailer("end-" + key, value);
    while (call.Read()) {
    }
    call.Write("answer");
  };
}

TEST_CASE_METHOD(Conformance, "ASCII metadata reaches the node") {
  Serve(Echo);
  auto call = Call(kUnary);
  call.With("client_name", "gitlab-web").With("call_site", "a b  c=1;,~");
  CHECK_OK(call.Exchange({Sent()}));
  CHECK(Values(node().Seen().metadata, "client_name") == Strings{"gitlab-web"});
  CHECK(Values(node().Seen().metadata, "call_site") == Strings{"a b  c=1;,~"});
}

TEST_CASE_METHOD(Conformance, "binary metadata reaches the node") {
  Serve(Echo);
  auto call = Call(kUnary);
  call.With("blob-bin", AllBytes()).With("empty-bin", "").With("one-bin", "x");
  CHECK_OK(call.Exchange({Sent()}));
  CHECK(Values(node().Seen().metadata, "blob-bin") == Strings{AllBytes()});
  CHECK(Values(node().Seen().metadata, "empty-bin") == Strings{""});
  CHECK(Values(node().Seen().metadata, "one-bin") == Strings{"x"});
}

TEST_CASE_METHOD(Conformance, "repeated metadata reaches the node in order") {
  Serve(Echo);
  auto call = Call(kUnary);
  call.With("again", "one").With("again", "two").With("again", "one");
  call.With("again-bin", "\1").With("again-bin", "\2");
  CHECK_OK(call.Exchange({Sent()}));
  CHECK(Values(node().Seen().metadata, "again") == Strings{"one", "two", "one"});
  CHECK(Values(node().Seen().metadata, "again-bin") == Strings{"\1", "\2"});
}

TEST_CASE_METHOD(Conformance, "8 KiB of metadata reach the node") {
  Serve(Echo);
  auto call = Call(kUnary);
  const bool one = GENERATE(true, false);
  if (one) call.With("gitaly-servers", std::string(7'800, 's'));
  for (int i = 0; !one && i < 70; ++i) call.With("key-" + std::to_string(i), std::string(70, 'v'));
  CHECK_OK(call.Exchange({Sent()}));
  const Metadata seen = node().Seen().metadata;
  if (one) CHECK(Values(seen, "gitaly-servers") == Strings{std::string(7'800, 's')});
  for (int i = 0; !one && i < 70; ++i) {
    CHECK(Values(seen, "key-" + std::to_string(i)) == Strings{std::string(70, 'v')});
  }
}

TEST_CASE_METHOD(Conformance, "headers and trailers reach the client") {
  Serve(AnswerWith({{"plain", "value"}, {"blob-bin", AllBytes()}, {"again", "1"}, {"again", "2"}}));
  auto call = Call(kUnary);
  CHECK_OK(call.Exchange({Sent()}));
  CHECK(Values(call.headers(), "plain") == Strings{"value"});
  CHECK(Values(call.headers(), "blob-bin") == Strings{AllBytes()});
  CHECK(Values(call.headers(), "again") == Strings{"1", "2"});
  CHECK(Values(call.trailers(), "end-plain") == Strings{"value"});
  CHECK(Values(call.trailers(), "end-blob-bin") == Strings{AllBytes()});
  CHECK(Values(call.trailers(), "end-again") == Strings{"1", "2"});
}

TEST_CASE_METHOD(Conformance, "8 KiB of headers and trailers reach the client") {
  Serve(AnswerWith({{"big", std::string(7'800, 'b')}}));
  auto call = Call(kUnary);
  CHECK_OK(call.Exchange({Sent()}));
  CHECK(Values(call.headers(), "big") == Strings{std::string(7'800, 'b')});
  CHECK(Values(call.trailers(), "end-big") == Strings{std::string(7'800, 'b')});
}

TEST_CASE_METHOD(Conformance, "headers reach the client before the first message") {
  Serve([](NodeCall& call) {
    call.AddHeader("early", "yes");
    call.SendHeaders();
    Echo(call);
  });
  auto call = Call(kBidi);
  call.Start().Write(Sent());
  REQUIRE(call.WaitHeaders());
  CHECK(Values(call.headers(), "early") == Strings{"yes"});
  CHECK(call.Read() == Seen());
  call.HalfClose();
  CHECK_OK(call.Finish());
}

TEST_CASE_METHOD(Conformance, "trailers of an error reach the client") {
  Serve([](NodeCall& call) {
    call.AddTrailer("reason", "quota");
    call.AddTrailer("reason-bin", AllBytes());
    call.Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "full"});
  });
  auto call = Call(kUnary);
  CHECK_STATUS(call.Exchange({Sent()}), grpc::StatusCode::RESOURCE_EXHAUSTED, "full");
  CHECK(Values(call.trailers(), "reason") == Strings{"quota"});
  CHECK(Values(call.trailers(), "reason-bin") == Strings{AllBytes()});
}

}  // namespace
}  // namespace praefect::test
