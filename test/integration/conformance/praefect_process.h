#pragma once

// A real `praefect` with a configuration file of its own, in a temporary directory of its own.

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "support/process.h"

namespace praefect::test {

enum class Transport { kTcp, kTls, kUnix };

struct PraefectOptions {
  std::string client_token = "hunter2-client";
  bool transitioning = false;
  std::string node_token = "hunter2-node";
  std::string keys;    // further keys at the top
  std::string limits;  // keys of [limits]
  std::string tables;  // further tables
};

class PraefectProcess {
 public:
  // Returns once it listens; throws when it does not, with its output.
  PraefectProcess(const std::string& program, Transport transport, const std::string& node_address,
                  const PraefectOptions& options);

  const std::string& address() const { return address_; }  // as in socket.h
  void Terminate();
  // Empty when it does not end.
  std::optional<int> WaitExit();
  size_t resident_bytes() const;

  // What Prometheus gets; needs prometheus_listen_addr.
  std::string MetricsPage();

  std::string output() const;
  // Lines of the log so far.
  std::vector<nlohmann::json> Log() const;
  // The first line that `is_it`; throws when it does not come.
  nlohmann::json WaitLog(const std::function<bool(const nlohmann::json&)>& is_it);

 private:
  TemporaryDirectory directory_;
  std::string address_;
  std::optional<Process> process_;
};

}  // namespace praefect::test
