#include "git.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <thread>
#include <utility>

namespace praefect::minigitaly {
namespace {

constexpr size_t kChunkBytes = 64 << 10;

// Housekeeping happens when an RPC asks for it and hooks when a fault needs one: never by itself.
const std::vector<std::string> kSettings = {
    "gc.auto=0",
    "maintenance.auto=false",
    "receive.autogc=false",
    "core.hooksPath=/dev/null",
    "core.fsync=none",
    "safe.directory=*",
    "uploadpack.allowFilter=true",
    "uploadpack.allowAnySHA1InWant=true",
    "user.name=minigitaly",
    "user.email=minigitaly@localhost",
};

std::vector<std::string> BaseEnvironment() {
  const char* path = getenv("PATH");
  return {fmt::format("PATH={}", path != nullptr ? path : "/usr/bin:/bin"),
          "HOME=/nonexistent",
          "LC_ALL=C",
          "GIT_CONFIG_NOSYSTEM=1",
          "GIT_CONFIG_GLOBAL=/dev/null",
          "GIT_TERMINAL_PROMPT=0",
          "GIT_OPTIONAL_LOCKS=0"};
}

// The whole of a stream up to the limit; the rest is read and dropped, so that the child ends.
std::string ReadAll(int fd, bool* overflow) {
  std::string all;
  for (std::string chunk = ReadSome(fd, kChunkBytes); !chunk.empty();
       chunk = ReadSome(fd, kChunkBytes)) {
    if (all.size() + chunk.size() > kMaxGitOutputBytes) {
      *overflow = true;
    } else {
      all += chunk;
    }
  }
  return all;
}

}  // namespace

absl::Status GitResult::AsStatus(std::string_view attempt) const {
  return absl::InternalError(
      fmt::format("{}: exit status {}: {}", attempt, exit_status, TrimNewlines(error)));
}

Git& Git::WithConfig(std::string setting) {
  settings_.push_back(std::move(setting));
  return *this;
}

Git& Git::WithVariable(std::string variable) {
  variables_.push_back(std::move(variable));
  return *this;
}

absl::StatusOr<Git::Running> Git::Start(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"git"};
  for (const std::vector<std::string>* settings : {&kSettings, &std::as_const(settings_)}) {
    for (const std::string& setting : *settings) argv.insert(argv.end(), {"-c", setting});
  }
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment = BaseEnvironment();
  environment.insert(environment.end(), variables_.begin(), variables_.end());

  auto child = ChildProcess::Start(argv, environment);
  if (!child.ok()) return child.status();
  Running running;
  running.child = std::move(*child);
  running.watch = call_.WhenCancelled([child = running.child.get()] { child->Terminate(); });
  return running;
}

absl::StatusOr<GitResult> Git::Run(const std::vector<std::string>& arguments,
                                   std::string_view input) {
  absl::StatusOr<Running> running = Start(arguments);
  if (!running.ok()) return running.status();
  ChildProcess& child = *running->child;
  GitResult result;
  bool overflow = false;
  bool error_overflow = false;
  std::thread writer([&] {
    child.WriteInput(input);
    child.CloseInput();
  });
  std::thread errors([&] { result.error = ReadAll(child.standard_error(), &error_overflow); });
  result.output = ReadAll(child.standard_output(), &overflow);
  writer.join();
  errors.join();
  result.exit_status = child.Wait();
  if (call_.cancelled()) return absl::CancelledError("the caller has gone");
  if (overflow) return absl::ResourceExhaustedError("git printed too much");
  return result;
}

absl::StatusOr<std::string> Git::Output(const std::filesystem::path& repository,
                                        std::vector<std::string> arguments,
                                        std::string_view input) {
  const std::string attempt = "git " + arguments.front();
  absl::StatusOr<GitResult> result = Run(InRepository(repository, std::move(arguments)), input);
  if (!result.ok()) return result.status();
  if (!result->ok()) return result->AsStatus(attempt);
  return std::move(result->output);
}

std::vector<std::string> InRepository(const std::filesystem::path& repository,
                                      std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "--git-dir=" + repository.string());
  return arguments;
}

std::string TrimNewlines(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace praefect::minigitaly
