// A daemon whose certificate is replaced under way.

#include <grpcpp/create_channel.h>
#include <httplib.h>

#include <catch2/catch.hpp>

#include "config/load.h"
#include "daemon/daemon.h"
#include "grpc/health.grpc.pb.h"
#include "support/certificate_authority.h"
#include "support/process.h"

namespace praefect::daemon {
namespace {

using Catch::Matchers::Contains;
using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckResponse;

class Certified {
 public:
  Certified() {
    Install(first_.Issue());
    test::WriteFile(folder_ / "config.toml",
                    "tls_listen_addr = '127.0.0.1:0'\nprometheus_listen_addr = '127.0.0.1:0'\n"
                    "[tls]\ncertificate_path = '" +
                        certificate() + "'\nkey_path = '" + key() + "'\n[logging]\nfile = '" +
                        log() +
                        "'\n[[virtual_storage]]\nname = 'v'\n[[virtual_storage.node]]\n"
                        "storage = 's'\naddress = 'tcp://127.0.0.1:1'\n");
    config::LoadResult loaded = config::Load(folder_ / "config.toml");
    INFO(loaded.headline);
    REQUIRE(loaded.config);
    auto daemon = Daemon::Start({*std::move(loaded.config), {}, "", ""});
    REQUIRE(daemon.ok());
    daemon_ = *std::move(daemon);
  }

  void Install(const test::IssuedCertificate& issued) {
    std::filesystem::copy_file(issued.chain, certificate(), kOver);
    std::filesystem::copy_file(issued.key, key(), kOver);
  }
  // Whether a new client that trusts this authority only is served.
  bool Serves(const test::CertificateAuthority& trusted) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel = grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(daemon_->addresses().at(0).port),
        grpc::SslCredentials({test::ReadFile(trusted.root()), "", ""}), arguments);
    grpc::ClientContext context;
    HealthCheckResponse response;
    return Health::NewStub(channel)->Check(&context, {}, &response).ok();
  }
  std::string certificate() const { return folder_ / "certificate.pem"; }
  std::string key() const { return folder_ / "key.pem"; }
  std::string log() const { return folder_ / "log"; }

 protected:
  static constexpr auto kOver = std::filesystem::copy_options::overwrite_existing;
  const test::TemporaryDirectory folder_;
  test::CertificateAuthority first_{"First"}, second_{"Second"};
  std::unique_ptr<Daemon> daemon_;
};

TEST_CASE_METHOD(Certified, "a new certificate is shown to those who connect from now on") {
  REQUIRE(Serves(first_));
  Install(second_.Issue());
  CHECK(daemon_->Reload());
  CHECK(test::Eventually([&] { return Serves(second_); }));
  CHECK_FALSE(Serves(first_));
}

TEST_CASE_METHOD(Certified, "a broken certificate leaves the old one in use, and is told") {
  test::WriteFile(certificate(), "nonsense");
  CHECK_FALSE(daemon_->Reload());
  CHECK(test::Eventually([&] {
    return test::ReadFile(log()).find("cannot use the certificate: the old one stays in use") !=
           std::string::npos;
  }));
  CHECK_THAT(test::ReadFile(log()), Contains("tls.certificate_path") && Contains(certificate()));
  CHECK(Serves(first_));
  const auto page = httplib::Client("127.0.0.1", daemon_->admin_port()).Get("/metrics");
  REQUIRE(page);
  CHECK_THAT(page->body, Contains("gitaly_praefect_config_last_reload_success 0\n"));
}

}  // namespace
}  // namespace praefect::daemon
