#include "daemon/admin_http.h"

#include <httplib.h>

#include <catch2/catch.hpp>

namespace praefect::daemon {
namespace {

using Catch::Matchers::Contains;

// Ready for reads, not for writes.
AdminPages Pages() {
  return {[] { return std::string("calls_total 3\n"); }, [] { return std::string("queued 2\n"); },
          [](Purpose purpose) {
            const bool writes = purpose == Purpose::kWrites;
            return std::vector<ReadinessCheck>{{"storage", writes ? "no primary" : ""}};
          },
          [] {}};
}

net::InheritedSockets none{{}};

// A listener on a free port of 127.0.0.1.
class Admin {
 public:
  Admin() {
    auto listening = AdminHttp::Listen("127.0.0.1:0", Pages(), none);
    REQUIRE(listening.ok());
    http_ = *std::move(listening);
    http_->Start();
  }
  httplib::Result Get(const char* path) const {
    return httplib::Client("127.0.0.1", http_->port()).Get(path);
  }
  httplib::Result Post(const char* path) const {
    return httplib::Client("127.0.0.1", http_->port()).Post(path);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(http_->port()); }

 private:
  std::unique_ptr<AdminHttp> http_;
};

TEST_CASE("metrics are served as Prometheus wants them") {
  const auto response = Admin().Get("/metrics");
  REQUIRE(response);
  CHECK(response->status == 200);
  CHECK(response->body == "calls_total 3\n");
  CHECK_THAT(response->get_header_value("Content-Type"), Contains("text/plain; version=0.0.4"));
}

TEST_CASE("a process that lives says so") {
  const auto response = Admin().Get("/healthz");
  REQUIRE(response);
  CHECK(response->status == 200);
}

TEST_CASE("what the database metrics are is a page of its own") {
  CHECK(Admin().Get("/db_metrics")->body == "queued 2\n");
}

TEST_CASE("readiness is a status, and its reasons are lines") {
  const Admin admin;
  CHECK(admin.Get("/readyz")->status == 200);
  CHECK(admin.Get("/readyz")->body == "ready\n");
  const auto response = admin.Get("/readyz?verbose&for=write");
  CHECK(response->status == 503);
  CHECK(response->body == "not ready\n[-] storage: no primary\n");
}

TEST_CASE("readiness for something else is a mistake of the caller") {
  CHECK(Admin().Get("/readyz?for=wirte")->status == 400);
}

TEST_CASE("what is not there is not found") { CHECK(Admin().Get("/nothing")->status == 404); }

TEST_CASE("nothing can be changed") {
  const auto path = GENERATE("/metrics", "/db_metrics", "/healthz", "/readyz", "/nothing");
  const auto response = Admin().Post(path);
  REQUIRE(response);
  CHECK(response->status == 405);
  CHECK(response->get_header_value("Allow") == "GET, HEAD");
}

TEST_CASE("a port has one owner, and the refusal names key and address") {
  const Admin first;
  const auto second = AdminHttp::Listen(first.address(), Pages(), none);
  REQUIRE_FALSE(second.ok());
  const std::string message(second.status().message());
  CHECK_THAT(message, Contains("prometheus_listen_addr") && Contains(first.address()) &&
                          Contains("address already in use"));
}

TEST_CASE("an address without a host means every interface") {
  const auto listening = AdminHttp::Listen(":0", Pages(), none);
  REQUIRE(listening.ok());
  (*listening)->Start();
  CHECK(httplib::Client("127.0.0.1", (*listening)->port()).Get("/healthz"));
}

TEST_CASE("other kinds of addresses are refused") {
  CHECK_FALSE(AdminHttp::Listen("unix:/tmp/x", Pages(), none).ok());
  CHECK_FALSE(AdminHttp::Listen("nonsense", Pages(), none).ok());
}

TEST_CASE("a listener that was never started goes quietly") {
  CHECK(AdminHttp::Listen("127.0.0.1:0", Pages(), none).ok());
}

}  // namespace
}  // namespace praefect::daemon
