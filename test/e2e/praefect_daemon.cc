#include "e2e/praefect_daemon.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "e2e/http_get.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kListening[] = "listening at address";

std::string AfterColon(const std::string& address) {
  return address.substr(address.rfind(':') + 1);
}

}  // namespace

// A pipe would fill up while nobody reads it, so its output goes to a file.
PraefectDaemon::PraefectDaemon(const fs::path& directory, const std::string& config,
                               const std::map<std::string, std::string>& environment)
    : directory_(directory) {
  fs::create_directories(directory_);
  Configure(config);
  WriteFile(directory_ / "output", "");  // what an earlier one said there is not ours
  Command command;
  command.argv = {"/bin/sh", "-c", "exec \"$0\" -config config.toml >output 2>&1",
                  PRAEFECT_PROGRAM};
  command.directory = directory_;
  command.environment = environment;
  command.environment.emplace("TMPDIR", directory_.parent_path() / "tmp");
  process_.emplace(command);
}

void PraefectDaemon::Configure(const std::string& config) const {
  WriteFile(directory_ / "config.toml", config);
  fs::permissions(directory_ / "config.toml", fs::perms::owner_read | fs::perms::owner_write);
}

void PraefectDaemon::WaitUntilListening() { WaitLog(kListening); }

std::string PraefectDaemon::address() const {
  const json line = WaitLog(kListening);
  const std::string address = line.value("address", "");
  const std::string schema = line.value("schema", "");
  return schema == "unix" ? "unix:" + address : schema + "://" + address;
}

void PraefectDaemon::Signal(int signal) {
  ExposePages();
  process_->Kill(signal);
}

// For the test `secrets`. There is none when Praefect did not come that far, or is ending already.
void PraefectDaemon::ExposePages() {
  const auto is_it = [](const json& line) {
    return line.value("msg", "") == "Starting prometheus listener";
  };
  const std::vector<json> lines = Log();
  if (std::none_of(lines.begin(), lines.end(), is_it)) return;
  try {
    for (const char* path : {"/metrics", "/readyz?verbose"}) process_->Expose(path, Page(path));
  } catch (const std::runtime_error&) {
  }
}

std::optional<int> PraefectDaemon::WaitExit(std::chrono::milliseconds longest) {
  return process_->WaitFor(longest);
}

std::string PraefectDaemon::output() const { return ReadFile(directory_ / "output"); }

std::vector<json> PraefectDaemon::Log() const {
  std::vector<json> lines;
  std::istringstream text(output());
  for (std::string line; std::getline(text, line);) {
    auto parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object()) lines.push_back(std::move(parsed));
  }
  return lines;
}

json PraefectDaemon::WaitLog(const IsIt& is_it) const {
  json found;
  bool ended = false;
  Eventually([&] {
    const bool was_ended = ended;  // it may have written before it ended
    ended = process_->WaitFor(std::chrono::milliseconds::zero()).has_value();
    const std::vector<json> lines = Log();
    const auto line = std::find_if(lines.begin(), lines.end(), is_it);
    if (line != lines.end()) found = *line;
    return !found.is_null() || was_ended;
  });
  if (found.is_null()) {
    throw std::runtime_error("missing in praefect's log, which is:\n" + output());
  }
  return found;
}

json PraefectDaemon::WaitLog(const std::string& message) const {
  return WaitLog([&](const json& line) { return line.value("msg", "") == message; });
}

json PraefectDaemon::WaitAccess(const std::string& method) const {
  return WaitLog([&](const json& line) {
    return line.value("grpc.method", "") == method && line.contains("grpc.code");
  });
}

std::string PraefectDaemon::Page(const std::string& path) const {
  const std::string address = WaitLog("Starting prometheus listener").value("address", "");
  return HttpGet(std::stoi(AfterColon(address)), path);
}

std::map<std::string, double> PraefectDaemon::Metrics() const {
  std::istringstream page(Page("/metrics"));
  std::map<std::string, double> metrics;
  for (std::string line; std::getline(page, line);) {
    const size_t space = line.rfind(' ');
    if (line.empty() || line[0] == '#' || space == std::string::npos) continue;
    metrics[line.substr(0, space)] = std::stod(line.substr(space + 1));
  }
  return metrics;
}

double PraefectDaemon::Metric(const std::string& name,
                              const std::vector<std::string>& labels) const {
  double sum = 0;
  for (const auto& [key, value] : Metrics()) {
    const bool has_labels = std::all_of(
        labels.begin(), labels.end(),
        [&key = key](const std::string& label) { return key.find(label) != std::string::npos; });
    if (key.substr(0, key.find('{')) == name && has_labels) sum += value;
  }
  return sum;
}

size_t PraefectDaemon::resident_bytes() const {
  std::istringstream statm(ReadFile("/proc/" + std::to_string(pid()) + "/statm"));
  size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace praefect::test
