#include "options.h"

#include <fmt/format.h>
#include <stdio.h>
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <fstream>

namespace praefect::minigitaly {
namespace {

constexpr char kDescription[] =
    "minigitaly, a small stand-in for Gitaly for demonstrations and tests of Praefect. It serves "
    "bare\n"
    "git repositories below its storages by running git. Not for production; never installed.";

const char kEpilogue[] =
    "The token may also come from the environment: MINIGITALY_TOKEN.\n\n"
    "Example:\n"
    "  minigitaly -listen tcp://127.0.0.1:0 -storage gitaly-1=/tmp/gitaly-1 -token-file /tmp/token";

// CLI11 takes "-listen" for "-l isten"; Go's spelling is one dash or two.
std::vector<std::string> WithTwoDashes(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    const std::string argument = argv[i];
    const bool one_dash = argument.size() > 2 && argument[0] == '-' && argument[1] != '-';
    arguments.push_back(one_dash ? "-" + argument : argument);
  }
  return arguments;  // in reverse, as CLI11 wants a vector
}

std::string FirstLine(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

struct RawOptions {
  std::vector<std::string> storages;
  std::vector<std::string> faults;
  std::string token_file;
  std::string release;
};

absl::Status AddStorages(const std::vector<std::string>& texts, Options& options) {
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
      return absl::InvalidArgumentError(fmt::format("-storage {}: NAME=DIR is wanted", text));
    }
    options.storages[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return absl::OkStatus();
}

absl::Status AddFaults(const std::vector<std::string>& texts, Options& options) {
  for (const std::string& text : texts) {
    absl::StatusOr<Fault> fault = ParseFault(text);
    if (!fault.ok()) return fault.status();
    options.faults.push_back(*std::move(fault));
  }
  return absl::OkStatus();
}

absl::Status SetRelease(const std::string& text, Options& options) {
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<Release> release = ParseRelease(text);
  if (release.ok()) options.release = *release;
  return release.status();
}

absl::Status FindToken(const std::string& file, Options& options) {
  if (!file.empty()) {
    options.token = FirstLine(file);
    if (options.token.empty()) return absl::NotFoundError("no token in " + file);
  } else if (options.token.empty()) {
    const char* variable = getenv("MINIGITALY_TOKEN");
    if (variable != nullptr) options.token = variable;
  }
  unsetenv("MINIGITALY_TOKEN");  // nothing of it for children
  return absl::OkStatus();
}

// Beside this program, or where the build puts it.
std::string FindSshHelper() {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* place : {"git-praefect-ssh", "../git-praefect-ssh/git-praefect-ssh"}) {
    const auto candidate = (here / place).lexically_normal();
    if (std::filesystem::is_regular_file(candidate, error)) return candidate;
  }
  return "git-praefect-ssh";
}

absl::Status Complete(const RawOptions& raw, Options& options) {
  for (const absl::Status& status :
       {AddStorages(raw.storages, options), AddFaults(raw.faults, options),
        SetRelease(raw.release, options), FindToken(raw.token_file, options)}) {
    if (!status.ok()) return status;
  }
  if (options.ssh_helper.empty()) options.ssh_helper = FindSshHelper();
  return absl::OkStatus();
}

}  // namespace

std::variant<Options, int> ParseOptions(int argc, char** argv) {
  Options options;
  RawOptions raw;
  CLI::App app(kDescription, "minigitaly");
  app.add_option("--listen", options.listen,
                 "tcp://HOST:PORT, tls://HOST:PORT (port 0: a free one) or unix:PATH")
      ->required();
  app.add_option("--tls-certificate", options.tls.certificate,
                 "PEM file for tls://, with its chain");
  app.add_option("--tls-key", options.tls.key, "PEM file for tls://");
  app.add_option("--storage", raw.storages, "NAME=DIR; may be given more than once")
      ->required()
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--token", options.token, "Gitaly's token; visible in ps, better use a file");
  app.add_option("--token-file", raw.token_file, "file whose first line is the token");
  app.add_flag("--health-without-token", options.health_without_token,
               "health checks need no token, as from Gitaly 16.10 on");
  app.add_flag("--explain-refusals", options.explain_refusals,
               "say what is wrong with a token, as newer Gitalys do");
  app.add_option("--clock-offset", options.clock_offset_seconds,
                 "seconds by which the clock for tokens is ahead");
  app.add_flag("--not-serving", options.not_serving, "what health checks are told");
  app.add_option("--release", raw.release,
                 "the Gitaly that it plays, as in 12.9: RPCs that came later are refused, and "
                 "copies made as then (default: 18.9)");
  app.add_option("--unreadable", options.unreadable, "NAME of a storage: ServerInfo says so")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--unwritable", options.unwritable, "NAME of a storage: ServerInfo says so")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--fault", raw.faults, fmt::format("a fault to have:\n{}", FaultHelp()))
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--fault-file", options.fault_file,
                 "more faults, one per line, read at every call");
  app.add_option("--record", options.record_file, "file that gets two JSON lines per call");
  app.add_option("--ssh-helper", options.ssh_helper, "path of git-praefect-ssh");
  app.footer(kEpilogue);
  try {
    app.parse(WithTwoDashes(argc, argv));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::Status complete = Complete(raw, options);
  if (complete.ok()) return options;
  const std::string message(complete.message());
  fprintf(stderr, "minigitaly: %s\n", message.c_str());
  return 2;
}

}  // namespace praefect::minigitaly
