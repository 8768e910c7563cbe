// One Praefect takes the place of another on the same sockets, under load.

#include <grpcpp/create_channel.h>
#include <httplib.h>
#include <signal.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "grpc/health.grpc.pb.h"
#include "praefect_program.h"
#include "support/postgres_server.h"
#include "support/service_manager.h"

namespace praefect::test {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// Always a connection of its own.
std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// Clients that call all the time: some with a new connection for each call, some with one for all.
class Load {
 public:
  explicit Load(std::string address) : address_(std::move(address)) {
    for (const bool reconnect : {true, true, false}) {
      threads_.emplace_back([this, reconnect] { Run(reconnect); });
    }
  }
  ~Load() { Stop(); }

  void Stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  // Until so many more calls have ended.
  bool Passes(int calls) {
    const int until = done_ + calls;
    return Eventually([&] { return done_ >= until || failed_ > 0; }) && failed_ == 0;
  }
  int failed() const { return failed_; }
  std::string first_error() {
    std::lock_guard lock(mutex_);
    return first_error_;
  }

 private:
  void Run(bool reconnect) {
    auto channel = NewChannel(address_);
    while (!stopping_) {
      if (reconnect) channel = NewChannel(address_);
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
      HealthCheckResponse response;
      Note(Health::NewStub(channel)->Check(&context, HealthCheckRequest(), &response));
    }
  }
  void Note(const grpc::Status& status) {
    done_++;
    if (status.ok()) return;
    failed_++;
    std::lock_guard lock(mutex_);
    if (first_error_.empty()) first_error_ = status.error_message();
  }

  const std::string address_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> done_{0}, failed_{0};
  std::mutex mutex_;
  std::string first_error_;
  std::vector<std::thread> threads_;
};

class LongStream {
 public:
  explicit LongStream(const std::string& address)
      : reader_(Health::NewStub(NewChannel(address))->Watch(&context_, HealthCheckRequest())) {
    HealthCheckResponse response;
    REQUIRE(reader_->Read(&response));
  }
  void Cancel() { context_.TryCancel(); }
  grpc::Status End() {
    HealthCheckResponse response;
    while (reader_->Read(&response)) {
    }
    return reader_->Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
};

class Replacement {
 public:
  // Then any number of Praefects may serve; the embedded store has one at a time.
  void UsePostgres() {
    server.emplace();
    database = "[database]\nhost = '" + server->directory().string() +
               "'\nport = " + std::to_string(server->port()) +
               "\nuser = 'postgres'\ndbname = 'postgres'\n";
    WriteFile(folder / "database.toml", database);
    const std::string file = folder / "database.toml";
    REQUIRE(Run({{PRAEFECT_PROGRAM, "-config", file, "sql-migrate"}, {}, {}, {}, {}}).exit_status ==
            0);
  }

  std::unique_ptr<Process> Start(const std::string& graceful_stop_timeout) {
    const std::string file = folder / "config.toml";
    WriteFile(file, "listen_addr = '" + address + "'\nprometheus_listen_addr = '" + admin_address +
                        "'\ngraceful_stop_timeout = '" + graceful_stop_timeout + "'\n" + database +
                        "[logging]\nlevel = 'error'\n[[virtual_storage]]\nname = 'v'\n"
                        "[[virtual_storage.node]]\nstorage = 's'\naddress = 'unix:/nonexistent'\n");
    const size_t before = manager.Count("READY=1");
    auto process = std::make_unique<Process>(manager.Service({PRAEFECT_PROGRAM, "-config", file}));
    REQUIRE(Eventually([&] { return manager.Count("READY=1") > before; }));
    return process;
  }

  ServiceManager manager;
  // When those who answered so many scrapes, one after the other, had started.
  std::set<std::string> Scrape(int times) const {
    std::set<std::string> start_times;
    const std::string name = "\nprocess_start_time_seconds ";
    while (times-- > 0) {
      const auto page = httplib::Client("http://" + admin_address).Get("/metrics");
      REQUIRE(page);
      const size_t at = page->body.find(name);
      REQUIRE(at != std::string::npos);
      start_times.insert(FirstLine(page->body.substr(at + name.size())));
    }
    return start_times;
  }

  const std::string address = manager.Listen("listen_addr");
  const std::string admin_address = manager.Listen("prometheus_listen_addr");
  const TemporaryDirectory folder;
  std::string database;
  std::optional<PostgresServer> server;
};

}  // namespace

TEST_CASE_METHOD(Replacement, "a successor takes over, no call fails, and a stream may finish") {
  UsePostgres();
  const auto first = Start("60s");
  LongStream stream(address);
  Load load(address);
  REQUIRE(load.Passes(100));
  const auto second = Start("60s");
  first->Kill(SIGTERM);
  CHECK(load.Passes(500));
  CHECK_FALSE(first->WaitFor(std::chrono::milliseconds(0)));  // the stream is still open
  CHECK(Eventually([&] { return Scrape(10).size() == 1; }));  // the successor alone answers
  stream.Cancel();
  CHECK(stream.End().error_code() == grpc::StatusCode::CANCELLED);
  CHECK(first->Wait() == 0);
  CHECK(load.Passes(100));
  INFO(load.first_error());
  CHECK(load.failed() == 0);
  load.Stop();
  second->Kill(SIGTERM);
  CHECK(second->Wait() == 0);
}

TEST_CASE_METHOD(Replacement, "with the embedded store clients wait for the predecessor to end") {
  const auto first = Start("60s");
  LongStream stream(address);
  Load load(address);
  REQUIRE(load.Passes(100));
  const auto second = Start("60s");
  CHECK(manager.Hears("STATUS=not ready: open the embedded store " +
                      (folder / "praefect.db").string() + ": process " +
                      std::to_string(first->pid())));
  first->Kill(SIGTERM);
  stream.Cancel();
  CHECK(stream.End().error_code() == grpc::StatusCode::CANCELLED);
  CHECK(first->Wait() == 0);
  CHECK(load.Passes(100));
  load.Stop();  // while somebody answers
  CHECK(load.first_error() == "");
}

TEST_CASE_METHOD(Replacement, "a successor that waits for the embedded store stops when told") {
  const auto first = Start("60s");
  const auto second = Start("60s");
  second->Kill(SIGTERM);
  CHECK(second->Wait() == 0);
  Load load(address);
  CHECK(load.Passes(100));
}

TEST_CASE_METHOD(Replacement, "a stream that does not finish is ended with a status") {
  const auto first = Start("1s");
  LongStream stream(address);
  const auto second = Start("1s");
  Load load(address);
  first->Kill(SIGTERM);
  const grpc::Status end = stream.End();
  CHECK(end.error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(Mentions(end.error_message(), "Praefect is shutting down"));
  CHECK(first->Wait() == 0);
  CHECK(load.Passes(100));
}

TEST_CASE_METHOD(Replacement, "clients wait in the sockets while nobody serves") {
  const auto first = Start("60s");
  Load load(address);
  REQUIRE(load.Passes(100));
  first->Kill(SIGTERM);
  CHECK(first->Wait() == 0);
  const auto second = Start("60s");
  CHECK(load.Passes(100));
  load.Stop();  // while somebody answers
  INFO(load.first_error());
  CHECK(load.failed() == 0);
}

}  // namespace praefect::test
