#include "node_process.h"

#include <absl/strings/escaping.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace praefect::test {

NodeProcess::NodeProcess(NodeOptions options) : options_(std::move(options)) {
  SetFaults({});
  Start(options_.listen);
}

void NodeProcess::Start(const std::string& listen) {
  Command command;
  command.argv = {MinigitalyProgram(),
                  "-listen",
                  listen,
                  "-storage",
                  options_.storage + "=" + (folder_ / "storage").string(),
                  "-fault-file",
                  folder_ / "faults",
                  "-record",
                  folder_ / "record"};
  command.argv.insert(command.argv.end(), options_.arguments.begin(), options_.arguments.end());
  command.environment["MINIGITALY_TOKEN"] = options_.token;
  process_ = std::make_unique<Process>(command);
  constexpr std::string_view kGreeting = "listening on ";
  const std::optional<std::string> line = process_->ReadLine();
  if (!line || line->rfind(kGreeting, 0) != 0)
    throw std::runtime_error("minigitaly does not start");
  address_ = line->substr(kGreeting.size());
}

std::filesystem::path NodeProcess::Folder(const std::string& relative_path) const {
  return folder_ / "storage" / relative_path;
}

std::map<std::string, std::string> NodeProcess::GitEnvironment() const {
  return GitOverSsh(address_, options_.token, options_.storage);
}

std::string NodeProcess::GitalyServers() const {
  const nlohmann::json servers = {
      {options_.storage, {{"address", address_}, {"token", options_.token}}}};
  return absl::Base64Escape(servers.dump());
}

void NodeProcess::SetFaults(const std::vector<std::string>& faults) const {
  std::string lines;
  for (const std::string& fault : faults) lines += fault + "\n";
  // Renamed into place: a call never sees half a file.
  WriteFile(folder_ / "faults.new", lines);
  std::filesystem::rename(folder_ / "faults.new", folder_ / "faults");
}

std::vector<std::string> NodeProcess::Record() const {
  std::vector<std::string> lines;
  const std::string record = ReadFile(folder_ / "record");
  for (size_t start = 0, end; (end = record.find('\n', start)) != std::string::npos;
       start = end + 1) {
    lines.push_back(record.substr(start, end - start));
  }
  return lines;
}

void NodeProcess::Restart(int signal) {
  process_->Kill(signal);
  process_->Wait();
  Start(address_);
}

std::string MinigitalyProgram() { return MINIGITALY_PROGRAM; }

std::string GitPraefectSshProgram() { return GIT_PRAEFECT_SSH_PROGRAM; }

std::map<std::string, std::string> GitOverSsh(const std::string& address, const std::string& token,
                                              const std::string& storage) {
  return {{"GIT_SSH_COMMAND", GitPraefectSshProgram()},
          {"GIT_SSH_VARIANT", "ssh"},
          {"PRAEFECT_ADDRESS", address},
          {"PRAEFECT_TOKEN", token},
          {"PRAEFECT_STORAGE", storage}};
}

}  // namespace praefect::test
