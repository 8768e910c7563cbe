// A daemon whose configuration file is edited under way.

#include <grpcpp/create_channel.h>
#include <httplib.h>

#include <catch2/catch.hpp>

#include "config/load.h"
#include "daemon/daemon.h"
#include "gitaly/server.grpc.pb.h"
#include "gitaly/token.h"
#include "grpc/health.grpc.pb.h"
#include "support/process.h"

namespace praefect::daemon {
namespace {

using Catch::Matchers::Contains;
using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

// What can be written to `config.toml`.
struct File {
  std::string top;              // keys of the top level
  std::string token = "first";  // of clients; empty: see `auth`
  std::string address = "127.0.0.1:0";
  std::string auth, logging;  // more keys of these tables
  std::string tables;
};

class Reloading {
 public:
  Reloading() {
    Write({});
    config::LoadResult loaded = config::Load(path());
    REQUIRE(loaded.config);
    auto daemon = Daemon::Start({*std::move(loaded.config), {}, "", ""});
    REQUIRE(daemon.ok());
    daemon_ = *std::move(daemon);
    const int port = daemon_->addresses().at(0).port;
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials());
  }

  std::string path() const { return folder_ / "config.toml"; }
  std::string log_path() const { return folder_ / "log"; }
  std::string log() const { return test::ReadFile(log_path()); }
  void WriteText(const std::string& text) { test::WriteFile(path(), text); }
  void Write(const File& file) {
    WriteText(file.top + "listen_addr = '" + file.address +
              "'\nprometheus_listen_addr = '127.0.0.1:0'\nworkers = 2\n[logging]\nfile = '" +
              log_path() + "'\n" + file.logging + "[auth]\n" +
              (file.token.empty() ? "" : "token = '" + file.token + "'\n") + file.auth +
              file.tables +
              "[[virtual_storage]]\nname = 'default'\n[[virtual_storage.node]]\n"
              "storage = 'gitaly-1'\naddress = 'tcp://127.0.0.1:1'\nprimary = true\n");
  }
  // Writes and reloads; tells whether it was taken.
  bool Reload(const File& file) {
    Write(file);
    return daemon_->Reload();
  }
  bool Logged(const std::string& text,
              std::chrono::milliseconds longest = std::chrono::seconds(20)) {
    return test::Eventually([&] { return log().find(text) != std::string::npos; }, longest);
  }

  // A call of something that wants a token; the token is what it is judged by.
  grpc::StatusCode CallWith(const std::string& secret) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", gitaly::MakeAuthorization(secret, time(nullptr)));
    ::gitaly::ServerInfoResponse response;
    return ::gitaly::ServerService::NewStub(channel_)
        ->ServerInfo(&context, {}, &response)
        .error_code();
  }
  bool NewConnectionIsClosed() {
    grpc::ChannelArguments arguments;  // a connection of its own
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto other =
        grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(daemon_->addresses().at(0).port),
                                  grpc::InsecureChannelCredentials(), arguments);
    grpc::ClientContext context;
    HealthCheckResponse response;
    return Health::NewStub(other)->Check(&context, {}, &response).error_code() ==
           grpc::StatusCode::UNAVAILABLE;
  }
  std::string Metrics() {
    const auto page = httplib::Client("127.0.0.1", daemon_->admin_port()).Get("/metrics");
    return page ? page->body : "";
  }

 protected:
  const test::TemporaryDirectory folder_;
  std::unique_ptr<Daemon> daemon_;
  std::shared_ptr<grpc::Channel> channel_;
};

// A stream that is open from before a reload to after it.
class OpenStream {
 public:
  explicit OpenStream(const std::shared_ptr<grpc::Channel>& channel)
      : reader_(Health::NewStub(channel)->Watch(&context_, HealthCheckRequest())) {
    HealthCheckResponse response;
    REQUIRE(reader_->Read(&response));
  }
  grpc::StatusCode CancelAndEnd() {
    context_.TryCancel();
    HealthCheckResponse response;
    while (reader_->Read(&response)) {
    }
    return reader_->Finish().error_code();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
};

constexpr auto kDenied = grpc::StatusCode::PERMISSION_DENIED;

TEST_CASE_METHOD(Reloading, "a new client token counts from now on, the old one not any more") {
  CHECK(CallWith("first") == grpc::StatusCode::OK);
  CHECK(CallWith("second") == kDenied);
  REQUIRE(Reload({.token = "second"}));
  CHECK(test::Eventually([&] { return CallWith("first") == kDenied; }));
  CHECK(CallWith("second") == grpc::StatusCode::OK);
}

TEST_CASE_METHOD(Reloading, "an open stream does not notice") {
  OpenStream stream(channel_);
  REQUIRE(Reload({.token = "second"}));
  CHECK(test::Eventually([&] { return CallWith("first") == kDenied; }));
  CHECK(stream.CancelAndEnd() == grpc::StatusCode::CANCELLED);
}

TEST_CASE_METHOD(Reloading, "a token file is read again") {
  const std::string file = folder_ / "token";
  const auto write = [&](const char* secret) {
    test::WriteFile(file, secret);
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  };
  write("from-file\n");
  REQUIRE(Reload({.token = "", .auth = "token_file = '" + file + "'\n"}));
  CHECK(test::Eventually([&] { return CallWith("from-file") == grpc::StatusCode::OK; }));
  write("rotated\n");
  REQUIRE(daemon_->Reload());
  CHECK(test::Eventually([&] { return CallWith("from-file") == kDenied; }));
  CHECK(CallWith("rotated") == grpc::StatusCode::OK);
}

TEST_CASE_METHOD(Reloading,
                 "a broken file changes nothing, says all that is wrong, and is counted") {
  WriteText("listen_addr = 7\nworkers = 'many'\n");
  CHECK_FALSE(daemon_->Reload());
  CHECK(Logged("the configuration file is broken: the old configuration stays in use"));
  CHECK(Logged("key=listen_addr"));
  CHECK(Logged("key=workers"));
  CHECK(CallWith("first") == grpc::StatusCode::OK);
  CHECK_THAT(Metrics(), Contains("gitaly_praefect_config_reloads_total{result=\"failed\"} 1\n") &&
                            Contains("gitaly_praefect_config_last_reload_success 0\n"));
  CHECK(Reload({}));
  CHECK_THAT(Metrics(), Contains("gitaly_praefect_config_reloads_total{result=\"ok\"} 1\n") &&
                            Contains("gitaly_praefect_config_last_reload_success 1\n"));
}

TEST_CASE_METHOD(Reloading, "a changed address is named, and the rest is applied") {
  REQUIRE(Reload({.token = "second", .address = "127.0.0.1:1"}));
  CHECK(Logged("a changed key needs a restart: its old value stays in use\" key=listen_addr"));
  CHECK(test::Eventually([&] { return CallWith("second") == grpc::StatusCode::OK; }));
}

TEST_CASE_METHOD(Reloading, "the log level changes") {
  REQUIRE(Reload({.logging = "level = 'error'\n"}));
  const std::string before = log();
  daemon_->ReopenLog();  // an information
  REQUIRE(Reload({.logging = "level = 'info'\n"}));
  CHECK_FALSE(Logged("log file reopened", std::chrono::milliseconds::zero()));
  daemon_->ReopenLog();
  CHECK(Logged("log file reopened"));
}

TEST_CASE_METHOD(Reloading, "limits hold for new connections") {
  OpenStream stream(channel_);
  REQUIRE(Reload({.tables = "[limits]\nmax_connections = 1\n"}));
  CHECK(test::Eventually([&] { return NewConnectionIsClosed(); }));
  CHECK(stream.CancelAndEnd() == grpc::StatusCode::CANCELLED);
  CHECK_THAT(Metrics(), Contains("gitaly_praefect_refusals_total{reason=\"max_connections\"}"));
}

TEST_CASE_METHOD(Reloading, "warnings are logged again") {
  REQUIRE(Reload({.top = "lisen_addr = 'x'\n"}));
  CHECK(Logged("key=lisen_addr"));
}

TEST_CASE_METHOD(Reloading, "times of stopping are those of the last reload") {
  REQUIRE(Reload({.top = "graceful_stop_timeout = '1ms'\n"}));
  OpenStream stream(channel_);
  daemon_->RequestStop();
  CHECK(daemon_->Wait().ok());
  CHECK(Logged("grace period expired: ending the calls that are open"));
}

TEST_CASE_METHOD(Reloading, "who stops does not reload") {
  daemon_->RequestStop();
  CHECK_FALSE(daemon_->Reload());
  CHECK(Logged("the configuration is not read again"));
}

}  // namespace
}  // namespace praefect::daemon
