#include "config/listener_rules.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include <optional>

#include "config/address.h"
#include "config/read_file.h"
#include "config/virtual_storage_rules.h"

namespace praefect::config {
namespace {

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.compare(0, 4, "127.") == 0;
}

class ListenerRules {
 public:
  ListenerRules(const Config& config, Findings& findings) : config_(config), findings_(findings) {}

  void Check() {
    const auto plain = CheckAddress("listen_addr", config_.listen_addr);
    const auto tls = CheckAddress("tls_listen_addr", config_.tls_listen_addr);
    const auto admin = CheckAddress("prometheus_listen_addr", config_.prometheus_listen_addr);
    CheckSocketPath();
    if (Same(plain, tls)) {
      findings_.Error("tls_listen_addr",
                      fmt::format("same address can't be used for different schemas \"{}\"",
                                  config_.tls_listen_addr),
                      "give it a port of its own, for instance 0.0.0.0:3305");
    }
    for (const auto& [other, key] : {std::pair{plain, "listen_addr"}, {tls, "tls_listen_addr"}}) {
      if (!Same(admin, other)) continue;
      findings_.Error("prometheus_listen_addr", fmt::format("the same address as {}", key),
                      "give it a port of its own, for instance localhost:9652");
    }
    WarnOfLoopback("listen_addr", plain);
    WarnOfLoopback("tls_listen_addr", tls);
  }

 private:
  // Port 0 is any free one.
  static bool Same(const std::optional<Address>& a, const std::optional<Address>& b) {
    return a && b && a->port != 0 && a->host == b->host && a->port == b->port;
  }

  // tls:// is for the one listener, tcp:// for the others; a bare HOST:PORT is for any.
  std::optional<Address> CheckAddress(std::string_view key, const std::string& text) {
    if (text.empty()) return std::nullopt;
    const std::string_view foreign = key == "tls_listen_addr" ? "tcp://" : "tls://";
    const auto address = ParseListenAddress(text);
    if (address.ok() && address->kind != Address::Kind::kUnix &&
        text.compare(0, foreign.size(), foreign) != 0) {
      return *address;
    }
    findings_.Error(key, fmt::format("invalid connection string: \"{}\"", text),
                    "write HOST:PORT; a unix socket is given as socket_path");
    return std::nullopt;
  }

  void CheckSocketPath() {
    const std::string& path = config_.socket_path;
    if (path.empty()) return;
    const auto address = ParseSocketPath(path);
    if (!address.ok()) {
      findings_.Error("socket_path", fmt::format("invalid connection string: \"{}\"", path),
                      "write the path of the socket");
    } else {
      CheckSocketPathLength("socket_path", address->path, findings_);
    }
  }

  void WarnOfLoopback(std::string_view key, const std::optional<Address>& address) {
    if (!address || !IsLoopback(address->host)) return;
    findings_.Warn(key,
                   fmt::format("{}:{} is reachable from this host only; clients elsewhere get "
                               "14:failed to connect to all addresses",
                               address->host, address->port),
                   "write 0.0.0.0:PORT to listen on every interface");
  }

  const Config& config_;
  Findings& findings_;
};

class TlsRules {
 public:
  TlsRules(Config& config, Findings& findings)
      : tls_(config.tls), needed_(!config.tls_listen_addr.empty()), findings_(findings) {}

  void Check() {
    CheckVersion();
    const bool absent = tls_.certificate_path.empty() && tls_.key_path.empty() && tls_.key.empty();
    if (absent && !needed_) return;
    CheckFile("tls.certificate_path", tls_.certificate_path);
    if (tls_.key.empty()) {
      CheckFile("tls.key_path", tls_.key_path);
    } else if (!tls_.key_path.empty()) {
      findings_.Error("tls.key_path", "key_path and key cannot both be set", "remove one");
    }
  }

 private:
  void CheckVersion() {
    std::string& version = tls_.min_version;
    if (version.empty()) version = Tls().min_version;
    if (version == "TLS 1.2" || version == "TLS 1.3") return;
    findings_.Error("tls.min_version", fmt::format("not supported: \"{}\"", version),
                    "write TLS 1.2 or TLS 1.3");
  }

  void CheckFile(std::string_view key, const std::string& path) {
    constexpr size_t kMaxPemBytes = 1 << 20;
    if (path.empty()) {
      return Report(key, "not set", "write the path of a PEM file; tls_listen_addr needs it");
    }
    const auto contents = ReadFile(path, kMaxPemBytes);
    if (absl::IsNotFound(contents.status())) {
      return Report(key, fmt::format("doesn't exist: \"{}\"", path), "check the path");
    }
    if (!contents.ok()) {
      const auto message = contents.status().message();
      return Report(key, std::string(message.data(), message.size()),
                    "the user that runs Praefect must be able to read it");
    }
    if (!contents->regular) Report(key, fmt::format("not a file: \"{}\"", path), "check the path");
    if (key == "tls.key_path" && (contents->mode & 0007U) != 0) {
      findings_.Warn(key, fmt::format("every user of this host can read {}", path),
                     "give it mode 0640 or 0600");
    }
  }

  // Upstream looks at [tls] without a TLS listener in `configuration validate` only.
  void Report(std::string_view key, std::string message, std::string suggestion) {
    if (needed_) {
      findings_.Error(key, std::move(message), std::move(suggestion));
    } else {
      findings_.WarnOfInvalid(key, std::move(message), std::move(suggestion));
    }
  }

  Tls& tls_;
  const bool needed_;
  Findings& findings_;
};

}  // namespace

void CheckListenersPresent(const Config& config, Findings& findings) {
  if (!config.listen_addr.empty() || !config.socket_path.empty()) return;
  if (!config.tls_listen_addr.empty()) return;
  findings.Error("listen_addr", "no listen address or socket path configured",
                 "add listen_addr = \"0.0.0.0:2305\" above the first [table]",
                 "none of \"socket_path\", \"listen_addr\" or \"tls_listen_addr\" is set");
}

void CheckListeners(const Config& config, Findings& findings) {
  ListenerRules(config, findings).Check();
}

void CheckTls(Config& config, Findings& findings) { TlsRules(config, findings).Check(); }

}  // namespace praefect::config
