#include "nodes/tls_diagnosis.h"
#include "observe/thread.h"

#include <utility>

namespace praefect::nodes {

TlsDiagnosis::~TlsDiagnosis() {
  loop_.Stop();
  if (thread_.joinable()) thread_.join();
}

void TlsDiagnosis::Ask(const config::Address& address,
                       std::shared_ptr<const net::TlsClientContext> tls,
                       std::chrono::milliseconds timeout, Done done) {
  std::call_once(started_, [this] {
    thread_ = observe::StartThread("tls-diagnosis", [this] { loop_.Run(); });
  });
  loop_.Post([this, address, tls = std::move(tls), timeout, done = std::move(done)]() mutable {
    Connect(address, std::move(tls), timeout, std::move(done));
  });
}

void TlsDiagnosis::Connect(const config::Address& address,
                           std::shared_ptr<const net::TlsClientContext> tls,
                           std::chrono::milliseconds timeout, Done done) {
  const auto attempt = attempts_.emplace(attempts_.end());
  attempt->emplace(
      loop_, resolver_, address, timeout.count(),
      [this, attempt, done = std::move(done)](auto transport) {
        attempts_.erase(attempt);
        done(transport.status());
      },
      std::move(tls));
}

}  // namespace praefect::nodes
