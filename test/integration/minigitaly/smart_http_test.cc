// SmartHTTPService: the messages that Workhorse exchanges.

#include <catch2/catch.hpp>

#include "gitaly/smarthttp.grpc.pb.h"
#include "node_client.h"

namespace praefect::test {
namespace {

class SmartHttp : public NodeClient {
 public:
  SmartHttp() : stub_(channel()) {
    REQUIRE(Create("a.git") == "OK");
    id_ = Push("a.git", "main", "one");
  }

 protected:
  template <typename Response, typename Reader>
  std::string Data(Reader& reader) {
    std::string data;
    Response response;
    while (reader.Read(&response)) data += response.data();
    CHECK(Text(reader.Finish()) == "OK");
    return data;
  }
  template <typename Request>
  Request First() {
    Request request;
    *request.mutable_repository() = Repository("a.git");
    return request;
  }
  static std::string Packet(const std::string& text) {
    char length[5];
    snprintf(length, sizeof length, "%04zx", text.size() + 4);
    return length + text;
  }

  ::gitaly::SmartHTTPService::Stub stub_;
  std::string id_;
};

TEST_CASE_METHOD(SmartHttp, "InfoRefs advertises the references for both services") {
  const auto request = First<::gitaly::InfoRefsRequest>();
  const auto fetch_context = Context();
  const auto fetch = stub_.InfoRefsUploadPack(fetch_context.get(), request);
  const std::string for_fetch = Data<::gitaly::InfoRefsResponse>(*fetch);
  CHECK(for_fetch.rfind("001e# service=git-upload-pack\n0000", 0) == 0);
  CHECK(for_fetch.find(id_ + " refs/heads/main") != std::string::npos);
  const auto push_context = Context();
  const auto push = stub_.InfoRefsReceivePack(push_context.get(), request);
  const std::string for_push = Data<::gitaly::InfoRefsResponse>(*push);
  CHECK(for_push.rfind("001f# service=git-receive-pack\n0000", 0) == 0);
  CHECK(for_push.find("report-status") != std::string::npos);
}

TEST_CASE_METHOD(SmartHttp, "PostUploadPack answers a request of protocol 2") {
  const auto context = Context();
  const auto stream = stub_.PostUploadPack(context.get());
  auto request = First<::gitaly::PostUploadPackRequest>();
  request.set_git_protocol("version=2");
  stream->Write(request);
  request.Clear();
  request.set_data(Packet("command=ls-refs\n") + "0001" + "0000");
  stream->Write(request);
  stream->WritesDone();
  const std::string data = Data<::gitaly::PostUploadPackResponse>(*stream);
  CHECK(data.find(id_ + " refs/heads/main\n") != std::string::npos);
}

TEST_CASE_METHOD(SmartHttp, "PostReceivePack changes references") {
  REQUIRE(WriteRef("a.git", "refs/heads/topic", id_) == "OK");
  const auto context = Context();
  const auto stream = stub_.PostReceivePack(context.get());
  auto request = First<::gitaly::PostReceivePackRequest>();
  stream->Write(request);
  request.Clear();
  const std::string command = id_ + " " + std::string(40, '0') + " refs/heads/topic";
  request.set_data(Packet(command + '\0' + "report-status delete-refs") + "0000");
  stream->Write(request);
  stream->WritesDone();
  CHECK(Data<::gitaly::PostReceivePackResponse>(*stream).find("ok refs/heads/topic") !=
        std::string::npos);
  CHECK(OnDisk("a.git", "refs/heads/topic") == "");
}

}  // namespace
}  // namespace praefect::test
