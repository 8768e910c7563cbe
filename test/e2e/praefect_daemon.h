#pragma once

// `praefect serve` as an operator runs it, and what an operator sees of it: its log, its metrics,
// its size, its end.

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "support/process.h"

namespace praefect::test {

class PraefectDaemon {
 public:
  using IsIt = std::function<bool(const nlohmann::json&)>;

  // Works in `directory`, where `config` becomes config.toml. Returns at once.
  PraefectDaemon(const std::filesystem::path& directory, const std::string& config,
                 const std::map<std::string, std::string>& environment = {});

  // Returns once it listens; throws when it does not, with what it printed.
  void WaitUntilListening();
  // "tcp://127.0.0.1:PORT", "tls://127.0.0.1:PORT" or "unix:PATH".
  std::string address() const;

  pid_t pid() const { return process_->pid(); }
  void Signal(int signal);
  // Replaces config.toml; nothing happens until it is told to read it.
  void Configure(const std::string& config) const;
  // Empty when it does not end.
  std::optional<int> WaitExit(std::chrono::milliseconds longest = std::chrono::seconds(30));

  // Standard output and standard error.
  std::string output() const;
  // Its lines so far.
  std::vector<nlohmann::json> Log() const;
  // The first line of the log that `is_it`; throws when it does not come.
  nlohmann::json WaitLog(const IsIt& is_it) const;
  // The same, by its "msg".
  nlohmann::json WaitLog(const std::string& message) const;
  // The access line of the first call of a method ("SSHUploadPack").
  nlohmann::json WaitAccess(const std::string& method) const;

  // A page of the admin listener ("/readyz?verbose"); whatever its status.
  std::string Page(const std::string& path) const;
  // From /metrics: "name{label="value"}" -> value.
  std::map<std::string, double> Metrics() const;
  // The sum over all label sets that contain every one of `labels` (`key="value"`).
  double Metric(const std::string& name, const std::vector<std::string>& labels = {}) const;

  size_t resident_bytes() const;

 private:
  void ExposePages();

  const std::filesystem::path directory_;
  mutable std::optional<Process> process_;
};

}  // namespace praefect::test
