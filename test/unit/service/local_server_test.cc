#include "service/local_server.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "gitaly/server.grpc.pb.h"
#include "grpc/health.grpc.pb.h"
#include "service/filesystem_id.h"

namespace praefect::service {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

class Silence final : public observe::Logger {
 public:
  bool Enabled(observe::Level) const override { return false; }
  void Write(observe::Level, std::string_view, std::span<const observe::Field>) override {}
};

// A Gitaly with one storage, that says it is well.
class FakeNode final : public ::gitaly::ServerService::Service, public Health::Service {
 public:
  explicit FakeNode(std::string storage) : storage_(std::move(storage)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(static_cast<::gitaly::ServerService::Service*>(this));
    builder.RegisterService(static_cast<Health::Service*>(this));
    server_ = builder.BuildAndStart();
    REQUIRE(server_ != nullptr);
  }
  const std::string& storage() const { return storage_; }
  std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  void Stop() { server_.reset(); }

  grpc::Status ServerInfo(grpc::ServerContext*, const ::gitaly::ServerInfoRequest*,
                          ::gitaly::ServerInfoResponse* response) override {
    response->set_server_version("15.0 on " + storage_);
    response->set_git_version("2.39.5");
    auto* status = response->add_storage_statuses();
    status->set_storage_name(storage_);
    status->set_readable(true);
    status->set_writeable(true);
    return grpc::Status::OK;
  }
  grpc::Status DiskStatistics(grpc::ServerContext*, const ::gitaly::DiskStatisticsRequest*,
                              ::gitaly::DiskStatisticsResponse* response) override {
    auto* status = response->add_storage_statuses();
    status->set_storage_name(storage_);
    status->set_available(1'000);
    return grpc::Status::OK;
  }
  grpc::Status Check(grpc::ServerContext*, const HealthCheckRequest*,
                     HealthCheckResponse* response) override {
    response->set_status(HealthCheckResponse::SERVING);
    return grpc::Status::OK;
  }

 private:
  const std::string storage_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

BooksView NoBooks() { throw std::logic_error("nothing here asks the books"); }

// A Praefect without a proxy or books: two virtual storages, "default" with two nodes, "other" with
// one.
class Local {
 public:
  Local() {
    AddVirtualStorage("default", {&one_, &two_});
    AddVirtualStorage("other", {&three_});
    manager_ = std::make_unique<nodes::Manager>(
        config_, logger_, registry_,
        nodes::ManagerOptions{std::chrono::milliseconds(20), std::chrono::seconds(1), {}});
    server_ = std::make_unique<LocalServer>(*manager_, logger_, NoBooks, "");
    // After the server, so that the server knows what this has seen.
    manager_->Subscribe([this](std::shared_ptr<const nodes::Snapshot> snapshot) {
      const std::lock_guard lock(mutex_);
      latest_ = std::move(snapshot);
      changed_.notify_all();
    });
    REQUIRE(server_->Start().ok());
    server_->SetBooksUsable();
    channel_ = NewChannel();
  }
  ~Local() {
    channel_.reset();
    server_.reset();
  }

  std::shared_ptr<grpc::Channel> NewChannel() {
    const absl::StatusOr<int> fd = server_->Connect();
    REQUIRE(fd.ok());
    return grpc::CreateInsecureChannelFromFd("local", *fd);
  }
  void StartProbing() { manager_->Start(); }
  // Until the primaries of both virtual storages have these healths.
  void WaitFor(nodes::Health first, nodes::Health second) {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, std::chrono::seconds(10), [&] {
      return latest_->virtual_storages[0].primary().health == first &&
             latest_->virtual_storages[1].primary().health == second;
    });
    REQUIRE(came);
  }

  ::gitaly::ServerInfoResponse ServerInfo() {
    grpc::ClientContext context;
    ::gitaly::ServerInfoResponse response;
    const grpc::Status status =
        ::gitaly::ServerService::NewStub(channel_)->ServerInfo(&context, {}, &response);
    CHECK(status.ok());
    auto& storages = *response.mutable_storage_statuses();
    std::sort(storages.begin(), storages.end(),
              [](const auto& a, const auto& b) { return a.storage_name() < b.storage_name(); });
    return response;
  }
  grpc::Status DiskStatistics(std::vector<std::string>& storages) {
    grpc::ClientContext context;
    ::gitaly::DiskStatisticsResponse response;
    const grpc::Status status =
        ::gitaly::ServerService::NewStub(channel_)->DiskStatistics(&context, {}, &response);
    for (const auto& storage : response.storage_statuses()) {
      storages.push_back(storage.storage_name());
    }
    return status;
  }
  grpc::Status Check(const std::string& service, HealthCheckResponse& response) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    return Health::NewStub(channel_)->Check(&context, request, &response);
  }
  HealthCheckResponse::ServingStatus Check() {
    HealthCheckResponse response;
    CHECK(Check("", response).ok());
    return response.status();
  }

  FakeNode one_{"gitaly-1"}, two_{"gitaly-2"}, three_{"gitaly-3"};
  std::unique_ptr<LocalServer> server_;
  std::shared_ptr<grpc::Channel> channel_;

 private:
  void AddVirtualStorage(const std::string& name, const std::vector<FakeNode*>& nodes) {
    config::VirtualStorage& storage = config_.virtual_storages.emplace_back();
    storage.name = name;
    for (const FakeNode* node : nodes) {
      storage.nodes.push_back({node->storage(), node->address(), "", false});
    }
  }

  config::Config config_;
  Silence logger_;
  prometheus::Registry registry_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const nodes::Snapshot> latest_;
  std::unique_ptr<nodes::Manager> manager_;
};

TEST_CASE("ServerInfo shows every virtual storage") {
  Local local;
  const ::gitaly::ServerInfoResponse info = local.ServerInfo();
  CHECK_THAT(info.server_version(), StartsWith("15.0 on gitaly-"));
  CHECK(info.git_version() == "2.39.5");
  REQUIRE(info.storage_statuses_size() == 2);
  CHECK(info.storage_statuses(0).storage_name() == "default");
  CHECK(info.storage_statuses(0).writeable());
  CHECK(info.storage_statuses(0).replication_factor() == 2);
  CHECK(info.storage_statuses(0).filesystem_id() == FilesystemId("default"));
  CHECK(info.storage_statuses(1).storage_name() == "other");
}

TEST_CASE("ServerInfo leaves out a virtual storage whose primary does not answer") {
  Local local;
  local.one_.Stop();
  const ::gitaly::ServerInfoResponse info = local.ServerInfo();
  REQUIRE(info.storage_statuses_size() == 1);
  CHECK(info.storage_statuses(0).storage_name() == "other");
  CHECK(info.server_version() == "15.0 on gitaly-3");
}

TEST_CASE("DiskStatistics shows the storages of all nodes that answer") {
  Local local;
  std::vector<std::string> storages;
  CHECK(local.DiskStatistics(storages).ok());
  CHECK(storages == std::vector<std::string>{"gitaly-1", "gitaly-2", "gitaly-3"});
  local.two_.Stop();
  storages.clear();
  CHECK(local.DiskStatistics(storages).ok());
  CHECK(storages == std::vector<std::string>{"gitaly-1", "gitaly-3"});
}

TEST_CASE("DiskStatistics fails when no node answers") {
  Local local;
  for (FakeNode* node : {&local.one_, &local.two_, &local.three_}) node->Stop();
  std::vector<std::string> storages;
  const grpc::Status status = local.DiskStatistics(storages);
  CHECK(status.error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK_THAT(status.error_message(),
             StartsWith("error when requesting disk statistics from internal storage gitaly-1"));
}

TEST_CASE("health is honest") {
  Local local;
  CHECK(local.Check() == HealthCheckResponse::NOT_SERVING);
  local.StartProbing();
  local.WaitFor(nodes::Health::kUp, nodes::Health::kUp);
  CHECK(local.Check() == HealthCheckResponse::SERVING);
  local.one_.Stop();
  local.WaitFor(nodes::Health::kDown, nodes::Health::kUp);
  CHECK(local.Check() == HealthCheckResponse::SERVING);
  local.three_.Stop();
  local.WaitFor(nodes::Health::kDown, nodes::Health::kDown);
  CHECK(local.Check() == HealthCheckResponse::NOT_SERVING);
}

TEST_CASE("health of a service nobody knows") {
  Local local;
  HealthCheckResponse response;
  CHECK(local.Check("other", response).error_code() == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("a watch sees every change up to the end") {
  Local local;
  grpc::ClientContext context;
  const auto reader = Health::NewStub(local.channel_)->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  REQUIRE(reader->Read(&response));
  CHECK(response.status() == HealthCheckResponse::NOT_SERVING);
  local.StartProbing();
  REQUIRE(reader->Read(&response));
  CHECK(response.status() == HealthCheckResponse::SERVING);
  local.server_->SetDraining();
  REQUIRE(reader->Read(&response));
  CHECK(response.status() == HealthCheckResponse::NOT_SERVING);
  local.server_->Stop();
  CHECK_FALSE(reader->Read(&response));
  CHECK_FALSE(reader->Finish().ok());
}

TEST_CASE("a watch of a service nobody knows says so and stays") {
  Local local;
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("other");
  const auto reader = Health::NewStub(local.channel_)->Watch(&context, request);
  HealthCheckResponse response;
  REQUIRE(reader->Read(&response));
  CHECK(response.status() == HealthCheckResponse::SERVICE_UNKNOWN);
  context.TryCancel();
  CHECK(reader->Finish().error_code() == grpc::StatusCode::CANCELLED);
}

TEST_CASE("every connection is one of its own") {
  Local local;
  const auto second = local.NewChannel();
  local.channel_.reset();
  grpc::ClientContext context;
  HealthCheckResponse response;
  CHECK(Health::NewStub(second)->Check(&context, HealthCheckRequest(), &response).ok());
}

// The serialized answer to list_services (field 7) of grpc.reflection.v1alpha.
std::string ListServices(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto step = [&](bool& ok) {
    void* tag = nullptr;
    return queue.Next(&tag, &ok) && ok;
  };
  bool ok = false;
  call->StartCall(nullptr);
  REQUIRE(step(ok));
  const grpc::Slice request("\x3a\x01*");
  call->WriteLast(grpc::ByteBuffer(&request, 1), grpc::WriteOptions(), nullptr);
  REQUIRE(step(ok));
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  REQUIRE(step(ok));
  grpc::Status status;
  call->Finish(&status, nullptr);
  REQUIRE(step(ok));
  grpc::Slice slice;
  CHECK(answer.DumpToSingleSlice(&slice).ok());
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

TEST_CASE("reflection lists what is served") {
  Local local;
  CHECK_THAT(ListServices(local.channel_),
             Contains("gitaly.ServerService") && Contains("grpc.health.v1.Health"));
}

TEST_CASE("the methods are listed in order") {
  Local local;
  const auto methods = local.server_->methods();
  CHECK(std::is_sorted(methods.begin(), methods.end()));
  CHECK(std::find(methods.begin(), methods.end(), "/grpc.health.v1.Health/Watch") != methods.end());
}

}  // namespace
}  // namespace praefect::service
