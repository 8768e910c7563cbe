#include "server.h"

#include <fmt/format.h>

#include "load_config.h"
#include "observe/escape.h"
#include "output.h"

namespace praefect::cmd {

std::optional<service::Client> ClientFor(const std::string& config_path) {
  const auto config = LoadConfig(config_path);
  if (!config) return std::nullopt;
  auto client = service::Client::For(*config);
  if (client.ok()) return *std::move(client);
  PrintError(std::string(client.status().message()));
  return std::nullopt;
}

std::string ServerErrorLine(const std::string& what, const absl::Status& error) {
  std::string line = what + ": ";
  observe::AppendPrintable(line, service::RpcErrorText(error));
  return line;
}

std::string ServerAdvice(const std::string& address, const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kUnavailable:
      return fmt::format(
          "this command asks the running Praefect at {} (socket_path, listen_addr or "
          "tls_listen_addr of the configuration): look whether it runs, and at its log",
          address);
    case absl::StatusCode::kDeadlineExceeded:
      return fmt::format("the Praefect at {} took too long: look at its log and at its load",
                         address);
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return fmt::format(
          "the Praefect at {} has another token than this configuration: after a change of [auth] "
          "token it has to be told (HUP)",
          address);
    case absl::StatusCode::kUnimplemented:
      return fmt::format("the Praefect at {} is another version: use its own command line",
                         address);
    default:
      return "";
  }
}

void PrintServerError(const std::string& what, const std::string& address,
                      const absl::Status& error) {
  PrintError(ServerErrorLine(what, error));
  const std::string advice = ServerAdvice(address, error);
  if (!advice.empty()) PrintError("to do: " + advice);
}

}  // namespace praefect::cmd
