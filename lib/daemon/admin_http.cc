#include "daemon/admin_http.h"

#include <fmt/format.h>
#include <httplib.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "config/address.h"

namespace praefect::daemon {
namespace {

using httplib::Request;
using httplib::Response;

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kTextType[] = "text/plain; charset=utf-8";
constexpr size_t kThreads = 4;  // one for each connection that is open
constexpr time_t kIdleSeconds = 2;
constexpr time_t kPeerSeconds = 10;  // for the peer to send or take something
constexpr size_t kMaxRequestBytes = 64 << 10;

// The library sets SO_REUSEPORT, with which a second process would bind as well.
void SocketOptions(socket_t socket) {
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

void LimitPeers(httplib::Server& server) {
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_keep_alive_timeout(kIdleSeconds);
  server.set_read_timeout(kPeerSeconds);
  server.set_write_timeout(kPeerSeconds);
  server.set_payload_max_length(kMaxRequestBytes);
}

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
  explicit Impl(AdminPages pages) : pages_(std::move(pages)) {
    LimitPeers(server_);
    server_.set_socket_options(SocketOptions);
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

  ~Impl() {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Bind(const config::Address& address) {
    if (!address.host.empty()) return BindTo(address.host, address.port);
    const absl::Status both = BindTo("::", address.port);
    return both.ok() ? both : BindTo("0.0.0.0", address.port);
  }

  void Start() {
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // stop() has no effect before this.
    while (!server_.is_running()) std::this_thread::yield();
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

  absl::Status BindTo(const std::string& host, int port) {
    errno = 0;
    if (port == 0) {
      port_ = server_.bind_to_any_port(host);
    } else {
      port_ = server_.bind_to_port(host, port) ? port : -1;
    }
    if (port_ > 0) return absl::OkStatus();
    return absl::UnavailableError(errno == 0 ? "cannot listen there" : std::strerror(errno));
  }

  const AdminPages pages_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

AdminHttp::AdminHttp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminHttp::~AdminHttp() = default;

absl::StatusOr<std::unique_ptr<AdminHttp>> AdminHttp::Listen(const std::string& address,
                                                             AdminPages pages) {
  const absl::StatusOr<config::Address> parsed = config::ParseListenAddress(address);
  if (!parsed.ok()) return parsed.status();
  if (parsed->kind != config::Address::Kind::kTcp) {
    return absl::InvalidArgumentError("prometheus_listen_addr takes HOST:PORT only");
  }
  auto impl = std::make_unique<Impl>(std::move(pages));
  if (const absl::Status bound = impl->Bind(*parsed); !bound.ok()) {
    const std::string why(bound.message().data(), bound.message().size());
    return absl::UnavailableError(
        fmt::format("prometheus_listen_addr \"{}\": cannot listen: {}", address, why));
  }
  return std::unique_ptr<AdminHttp>(new AdminHttp(std::move(impl)));
}

void AdminHttp::Start() { impl_->Start(); }
int AdminHttp::port() const { return impl_->port(); }

}  // namespace praefect::daemon
