#pragma once

// What is soaked: a real Praefect that listens with and without TLS, before three real storage
// nodes, two of them over TLS. Everything is for the main thread, but for what says otherwise.

#include <grpcpp/channel.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "e2e/storage_node.h"
#include "support/certificate_authority.h"
#include "support/process.h"

namespace praefect::bench {

// What of the configuration changes while Praefect runs.
struct SiteSettings {
  std::string client_token = "hunter2-soak-0";
  uint32_t max_streams_per_connection = 10'000;
  bool last_node = true;  // is one of the virtual storage
  test::IssuedCertificate certificate;
};

// What is in the repository that all calls are about.
struct Content {
  std::string commit;   // of main
  std::string blob_id;  // of a file
  std::string blob;
};

class Site {
 public:
  Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  size_t nodes() const { return nodes_.size(); }
  test::StorageNode& node(size_t index) { return *nodes_.at(index); }
  SiteSettings& settings() { return settings_; }
  test::IssuedCertificate NewCertificate() { return authority_.Issue(); }
  // Writes the configuration anew, and lets Praefect read it. Returns once it has.
  void Reload();
  // As logrotate does it. Returns once the new file is written to.
  void RotateLog();

  // Any thread: a connection of its own.
  std::shared_ptr<grpc::Channel> Connect(bool tls) const;
  // Any thread: the token that is valid now.
  std::string token() const;
  const Content& content() const { return content_; }

  pid_t pid() const { return praefect_->pid(); }
  // From /metrics, without labels.
  double Metric(const std::string& name) const;
  // Praefect's exit code, when it ends as it is asked to.
  std::optional<int> Stop();
  std::string LogTail() const;

 private:
  void WriteConfig() const;
  void Fill();
  void WaitUntilServing() const;
  std::map<std::string, double> Metrics() const;

  const test::TemporaryDirectory directory_;
  test::CertificateAuthority authority_;
  const std::string roots_;
  const int port_, tls_port_, admin_port_;
  std::vector<std::unique_ptr<test::StorageNode>> nodes_;
  SiteSettings settings_;
  mutable std::mutex token_mutex_;
  std::string token_;  // guarded by token_mutex_
  Content content_;
  std::optional<test::Process> praefect_;
};

}  // namespace praefect::bench
