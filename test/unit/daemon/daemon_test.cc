#include "daemon/daemon.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <future>

#include "grpc/health.grpc.pb.h"
#include "support/process.h"

namespace praefect::daemon {
namespace {

using Catch::Matchers::Contains;
using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using test::Eventually;

// One dead node, everything on free ports of 127.0.0.1, no log, an embedded store of its own.
config::Config SmallConfig() {
  static const test::TemporaryDirectory folder;
  static int stores = 0;
  config::Config config;
  config.listen_addr = "127.0.0.1:0";
  config.prometheus_listen_addr = "127.0.0.1:0";
  config.virtual_storages = {{"default", 0, {{"gitaly-1", "tcp://127.0.0.1:1", "", true}}}};
  config.logging.level = "fatal";
  config.workers = 1;
  config.embedded_store.path = folder / ("praefect-" + std::to_string(stores++) + ".db");
  config.graceful_stop_timeout = std::chrono::minutes(5);
  return config;
}

std::unique_ptr<Daemon> Started(config::Config config = SmallConfig()) {
  auto daemon = Daemon::Start({std::move(config), {}, "1.2.3", "now"});
  REQUIRE(daemon.ok());
  return *std::move(daemon);
}

// A socket that a service manager would hand over; tells its address.
int ListenAnywhere(std::string& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof any;
  auto* const generic = reinterpret_cast<sockaddr*>(&any);
  REQUIRE((bind(fd, generic, length) == 0 && listen(fd, 16) == 0));
  REQUIRE(getsockname(fd, generic, &length) == 0);
  address = "127.0.0.1:" + std::to_string(ntohs(any.sin_port));
  return fd;
}

std::shared_ptr<grpc::Channel> ChannelTo(const Daemon& daemon) {
  const std::string port = std::to_string(daemon.addresses().at(0).port);
  return grpc::CreateChannel("127.0.0.1:" + port, grpc::InsecureChannelCredentials());
}

std::string Page(const Daemon& daemon, const char* path) {
  const auto page = httplib::Client("127.0.0.1", daemon.admin_port()).Get(path);
  REQUIRE(page);
  return page->body;
}

int ReadinessOf(const Daemon& daemon) {
  const auto page = httplib::Client("127.0.0.1", daemon.admin_port()).Get("/readyz");
  return page ? page->status : 0;
}

bool Ends(Daemon& daemon) {
  return std::async(std::launch::async, [&] {
           CHECK(daemon.Wait().ok());
         }).wait_for(std::chrono::seconds(10)) == std::future_status::ready;
}

// A call that stays open until somebody ends it.
class OpenCall {
 public:
  explicit OpenCall(const Daemon& daemon)
      : reader_(Health::NewStub(ChannelTo(daemon))->Watch(&context_, HealthCheckRequest())) {
    HealthCheckResponse response;
    REQUIRE(reader_->Read(&response));
  }
  grpc::StatusCode End() {
    HealthCheckResponse response;
    while (reader_->Read(&response)) {
    }
    const grpc::Status status = reader_->Finish();
    message_ = status.error_message();
    return status.error_code();
  }
  const std::string& message() const { return message_; }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::string message_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
};

TEST_CASE("it starts with dead nodes, and health says what is so") {
  const auto daemon = Started();
  grpc::ClientContext context;
  HealthCheckResponse response;
  CHECK(Health::NewStub(ChannelTo(*daemon))->Check(&context, HealthCheckRequest(), &response).ok());
  CHECK(response.status() == HealthCheckResponse::NOT_SERVING);
}

TEST_CASE("metrics of all parts are on one page") {
  const auto daemon = Started();
  const std::string page = Page(*daemon, "/metrics");
  for (const char* name : {"gitlab_build_info{", "process_open_fds", "gitaly_praefect_primaries{",
                           "gitaly_praefect_log_lines_lost_total"}) {
    CHECK_THAT(page, Contains(name));
  }
}

TEST_CASE("it is alive before it is ready") {
  const auto daemon = Started();
  httplib::Client admin("127.0.0.1", daemon->admin_port());
  CHECK(admin.Get("/healthz")->status == 200);
  CHECK(admin.Get("/db_metrics")->status == 200);
  const auto readiness = admin.Get("/readyz?verbose");
  CHECK(readiness->status == 503);
  CHECK_THAT(readiness->body, Contains("[-] virtual-storage default: "));
}

TEST_CASE("who stops says so") {
  const auto daemon = Started();
  OpenCall call(*daemon);
  daemon->RequestStop();
  CHECK(Eventually([&] {
    return httplib::Client("127.0.0.1", daemon->admin_port())
               .Get("/readyz?verbose")
               ->body.find("told to stop") != std::string::npos;
  }));
}

TEST_CASE("without prometheus_listen_addr there is no admin listener") {
  config::Config config = SmallConfig();
  config.prometheus_listen_addr.clear();
  CHECK(Started(std::move(config))->admin_port() == 0);
}

TEST_CASE("a store that another one has fails the start, and is handed on at the end") {
  const config::Config config = SmallConfig();
  auto first = Started(config);
  const auto second = Daemon::Start({config, {}, "", ""});
  REQUIRE_FALSE(second.ok());
  CHECK_THAT(std::string(second.status().message()),
             Contains(config.embedded_store.path) && Contains("stop it first"));
  first.reset();
  Started(config);
}

TEST_CASE("a successor waits for the store on its sockets, but not for ever") {
  config::Config config = SmallConfig();
  const auto predecessor = Started(config);
  const int socket = ListenAnywhere(config.listen_addr);
  config.graceful_stop_timeout = std::chrono::milliseconds(1);
  const auto successor = Daemon::Start(
      {config, {}, "", "", {}, {{socket, "listen_addr"}}, std::chrono::milliseconds(100)});
  REQUIRE(successor.ok());
  const absl::Status end = (*successor)->Wait();
  CHECK(absl::IsFailedPrecondition(end));
  CHECK_THAT(std::string(end.message()), Contains(config.embedded_store.path));
}

TEST_CASE("metrics of the database are on the page") {
  const auto daemon = Started();
  CHECK_THAT(Page(*daemon, "/metrics"), Contains("gitaly_praefect_database_reachable 1\n") &&
                                            Contains("gitaly_praefect_database_connections 3\n"));
}

TEST_CASE("an address that is taken fails the start, naming it") {
  const auto first = Started();
  config::Config config = SmallConfig();
  config.prometheus_listen_addr = "127.0.0.1:" + std::to_string(first->admin_port());
  const auto second = Daemon::Start({config, {}, "", ""});
  REQUIRE_FALSE(second.ok());
  CHECK_THAT(std::string(second.status().message()),
             Contains("prometheus_listen_addr") && Contains(config.prometheus_listen_addr));
}

TEST_CASE("a log file that cannot be opened fails the start, naming key and file") {
  config::Config config = SmallConfig();
  config.logging.file = "/nonexistent/praefect.log";
  const auto daemon = Daemon::Start({config, {}, "", ""});
  REQUIRE_FALSE(daemon.ok());
  CHECK_THAT(std::string(daemon.status().message()),
             Contains("logging.file") && Contains("/nonexistent/praefect.log"));
}

TEST_CASE("a daemon without clients stops when asked") {
  const auto daemon = Started();
  daemon->RequestStop();
  daemon->RequestStop();
  CHECK(Ends(*daemon));
  CHECK_FALSE(httplib::Client("127.0.0.1", daemon->addresses().at(0).port).Get("/"));
}

TEST_CASE("an open call may finish") {
  const auto daemon = Started();
  OpenCall call(*daemon);
  daemon->RequestStop();
  call.Cancel();
  CHECK(call.End() == grpc::StatusCode::CANCELLED);
  CHECK(Ends(*daemon));
}

TEST_CASE("an open call is ended by stopping now") {
  const auto daemon = Started();
  OpenCall call(*daemon);
  daemon->RequestStop();
  daemon->StopNow();
  CHECK(call.End() == grpc::StatusCode::UNAVAILABLE);
  CHECK(Ends(*daemon));
}

TEST_CASE("an open call is ended when the grace period expires") {
  config::Config config = SmallConfig();
  config.graceful_stop_timeout = std::chrono::milliseconds(1);
  const auto daemon = Started(std::move(config));
  OpenCall call(*daemon);
  daemon->RequestStop();
  CHECK(call.End() == grpc::StatusCode::UNAVAILABLE);
  CHECK_THAT(call.message(), Contains("Praefect is shutting down"));
  CHECK(Ends(*daemon));
  CHECK_THAT(Page(*daemon, "/metrics"), Contains("gitaly_praefect_calls_ended_at_stop_total 1\n"));
}

TEST_CASE("during graceful_stop_delay it still takes calls, and says that it stops") {
  config::Config config = SmallConfig();
  config.graceful_stop_delay = std::chrono::minutes(5);
  const auto daemon = Started(std::move(config));
  daemon->RequestStop();
  REQUIRE(test::Eventually([&] { return ReadinessOf(*daemon) == 503; }));
  CHECK_THAT(Page(*daemon, "/readyz?verbose"), Contains("Praefect was told to stop"));
  OpenCall call(*daemon);
  daemon->StopNow();
  CHECK(call.End() == grpc::StatusCode::UNAVAILABLE);
  CHECK(Ends(*daemon));
}

}  // namespace
}  // namespace praefect::daemon
