#include "daemon/admin_http.h"

#include <fmt/format.h>
#include <httplib.h>

#include <utility>

#include "config/address.h"
#include "daemon/http_connections.h"

namespace praefect::daemon {
namespace {

using httplib::Request;
using httplib::Response;

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kTextType[] = "text/plain; charset=utf-8";
constexpr size_t kMaxRequestBytes = 64 << 10;

// Nothing can be changed here.
httplib::Server::HandlerResponse RefuseOtherMethods(const Request& request, Response& response) {
  if (request.method == "GET" || request.method == "HEAD") {
    return httplib::Server::HandlerResponse::Unhandled;
  }
  response.status = 405;
  response.set_header("Allow", "GET, HEAD");
  return httplib::Server::HandlerResponse::Handled;
}

}  // namespace

class AdminHttp::Impl {
 public:
  explicit Impl(AdminPages pages) : pages_(std::move(pages)), server_(pages_.connection_refused) {
    server_.set_payload_max_length(kMaxRequestBytes);
    server_.set_pre_routing_handler(RefuseOtherMethods);
    server_.Get("/metrics", [this](const auto&, Response& response) {
      response.set_content(pages_.metrics(), kMetricsType);
    });
    server_.Get("/db_metrics", [this](const auto&, Response& response) {
      response.set_content(pages_.database_metrics(), kMetricsType);
    });
    server_.Get("/healthz",
                [](const auto&, Response& response) { response.set_content("ok\n", kTextType); });
    server_.Get("/readyz", [this](const Request& request, Response& response) {
      AnswerReadiness(request, response);
    });
  }

  absl::Status Bind(const config::Address& address, net::InheritedSockets& inherited) {
    auto socket = inherited.Take("prometheus_listen_addr", address);
    if (!socket.ok()) return socket.status();
    inherited_ = *socket != nullptr;
    if (!inherited_) socket = BindOwn(address);
    if (!socket.ok()) return socket.status();
    socket_ = *std::move(socket);
    port_ = socket_->address().port;
    return absl::OkStatus();
  }

  void Start() { server_.Start(std::move(socket_)); }
  void LeaveToSuccessor() {
    if (inherited_) server_.StopAccepting();
  }

  int port() const { return port_; }

 private:
  void AnswerReadiness(const Request& request, Response& response) const {
    const std::string purpose = request.get_param_value("for");
    if (!purpose.empty() && purpose != "write") {
      response.status = 400;
      return response.set_content("readiness is asked for as it is, or for=write\n", kTextType);
    }
    const auto checks =
        pages_.readiness(purpose == "write" ? Purpose::kWrites : Purpose::kAnything);
    const std::string text = ReadinessText(checks);
    response.status = IsReady(checks) ? 200 : 503;
    response.set_content(request.has_param("verbose") ? text : text.substr(0, text.find('\n') + 1),
                         kTextType);
  }

  // Without a host on every interface, of both kinds of addresses where the host has both.
  static absl::StatusOr<std::unique_ptr<net::ListeningSocket>> BindOwn(config::Address address) {
    if (!address.host.empty()) return net::ListeningSocket::Bind(address);
    address.host = "::";
    auto both = net::ListeningSocket::Bind(address);
    if (both.ok()) return both;
    address.host = "0.0.0.0";
    return net::ListeningSocket::Bind(address);
  }

  const AdminPages pages_;
  std::unique_ptr<net::ListeningSocket> socket_;  // until Start
  bool inherited_ = false;
  int port_ = 0;
  HttpConnections server_;  // last: its threads use the pages
};

AdminHttp::AdminHttp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminHttp::~AdminHttp() = default;

absl::StatusOr<std::unique_ptr<AdminHttp>> AdminHttp::Listen(const std::string& address,
                                                             AdminPages pages,
                                                             net::InheritedSockets& inherited) {
  const absl::StatusOr<config::Address> parsed = config::ParseListenAddress(address);
  if (!parsed.ok()) return parsed.status();
  if (parsed->kind != config::Address::Kind::kTcp) {
    return absl::InvalidArgumentError("prometheus_listen_addr takes HOST:PORT only");
  }
  auto impl = std::make_unique<Impl>(std::move(pages));
  if (const absl::Status bound = impl->Bind(*parsed, inherited); !bound.ok()) {
    const std::string why(bound.message().data(), bound.message().size());
    return absl::UnavailableError(
        fmt::format("prometheus_listen_addr \"{}\": cannot listen: {}", address, why));
  }
  return std::unique_ptr<AdminHttp>(new AdminHttp(std::move(impl)));
}

void AdminHttp::Start() { impl_->Start(); }
void AdminHttp::LeaveToSuccessor() { impl_->LeaveToSuccessor(); }
int AdminHttp::port() const { return impl_->port(); }

}  // namespace praefect::daemon
