#include "integration/conformance/praefect_process.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "support/raw_http2/socket.h"

namespace praefect::test {
namespace {

std::string ListenAddress(Transport transport, const TemporaryDirectory& directory) {
  if (transport == Transport::kUnix) return "unix:" + (directory / "praefect").string();
  return transport == Transport::kTls ? "tls://127.0.0.1:0" : "tcp://127.0.0.1:0";
}

std::string_view ListenerKey(const std::string& address) {
  if (address.starts_with("unix:")) return "socket_path";
  return address.starts_with("tls:") ? "tls_listen_addr" : "listen_addr";
}

std::string Configuration(const std::string& address, const std::string& node_address,
                          const PraefectOptions& options) {
  std::ostringstream text;
  text << ListenerKey(address) << " = \"" << address << "\"\n";
  text << "graceful_stop_timeout = \"10s\"\n" << options.keys << "\n";
  text << "[logging]\nformat = \"json\"\n";
  text << "[auth]\ntoken = \"" << options.client_token << "\"\n"
       << "transitioning = " << (options.transitioning ? "true" : "false") << "\n";
  if (address.starts_with("tls:")) {
    text << "[tls]\ncertificate_path = \"" << tls_files().chain << "\"\nkey_path = \""
         << tls_files().key << "\"\n";
  }
  text << "[limits]\n" << options.limits << "\n" << options.tables << "\n";
  text << "[[virtual_storage]]\nname = \"default\"\n";
  text << "[[virtual_storage.node]]\nstorage = \"gitaly-1\"\nprimary = true\n"
       << "address = \"" << node_address << "\"\ntoken = \"" << options.node_token << "\"\n";
  return text.str();
}

}  // namespace

PraefectProcess::PraefectProcess(const std::string& program, Transport transport,
                                 const std::string& node_address, const PraefectOptions& options) {
  address_ = ListenAddress(transport, directory_);
  WriteFile(directory_ / "config.toml", Configuration(address_, node_address, options));
  std::filesystem::permissions(directory_ / "config.toml", std::filesystem::perms::owner_read |
                                                               std::filesystem::perms::owner_write);
  // A pipe would fill up while nobody reads it.
  Command command;
  command.argv = {"/bin/sh", "-c", "exec \"$0\" -config config.toml >output 2>&1", program};
  command.directory = directory_.path();
  if (transport == Transport::kTls) command.environment["SSL_CERT_FILE"] = tls_files().roots;
  process_.emplace(command);
  const auto line =
      WaitLog([](const nlohmann::json& l) { return l.value("msg", "") == "listening at address"; });
  if (transport == Transport::kUnix) return;
  address_ = line.value("schema", "") + "://" + line.value("address", "");
}

std::string PraefectProcess::MetricsPage() {
  const auto line = WaitLog(
      [](const nlohmann::json& l) { return l.value("msg", "") == "Starting prometheus listener"; });
  Socket socket = Dial("tcp://" + line["address"].get<std::string>());
  socket.WriteAll("GET /metrics HTTP/1.0\r\n\r\n");
  std::string page;
  while (socket.ReadSome(page, std::chrono::seconds(5)) == Socket::Input::kBytes) {
  }
  return page;
}

void PraefectProcess::Terminate() { process_->Kill(SIGTERM); }

std::optional<int> PraefectProcess::WaitExit() { return process_->WaitFor(kPatience); }

size_t PraefectProcess::resident_bytes() const {
  std::ifstream statm("/proc/" + std::to_string(process_->pid()) + "/statm");
  size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

std::string PraefectProcess::output() const {
  std::ostringstream text;
  text << std::ifstream(directory_ / "output").rdbuf();
  return text.str();
}

std::vector<nlohmann::json> PraefectProcess::Log() const {
  std::vector<nlohmann::json> lines;
  std::istringstream text(output());
  for (std::string line; std::getline(text, line);) {
    auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object()) lines.push_back(std::move(parsed));
  }
  return lines;
}

nlohmann::json PraefectProcess::WaitLog(const std::function<bool(const nlohmann::json&)>& is_it) {
  nlohmann::json found;
  bool ended = false;
  Eventually([&] {
    const bool was_ended = ended;
    ended = process_->WaitFor(std::chrono::milliseconds::zero()).has_value();
    for (const auto& line : Log()) {
      if (found.is_null() && is_it(line)) found = line;
    }
    return !found.is_null() || was_ended;
  });
  if (found.is_null())
    throw std::runtime_error("missing in praefect's log, which is:\n" + output());
  return found;
}

}  // namespace praefect::test
