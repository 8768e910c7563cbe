#include "faults.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>

namespace praefect::minigitaly {
namespace {

enum class Argument { kNone, kMilliseconds, kCode };

struct FaultName {
  std::string_view name;
  FaultKind kind;
  Argument argument;
};

constexpr FaultName kFaults[] = {
    {"delay", FaultKind::kDelay, Argument::kMilliseconds},
    {"error", FaultKind::kError, Argument::kCode},
    {"hang", FaultKind::kHang, Argument::kNone},
    {"crash", FaultKind::kCrash, Argument::kNone},
    {"apply-after-cancel", FaultKind::kApplyAfterCancel, Argument::kNone},
    {"error-after-apply", FaultKind::kErrorAfterApply, Argument::kCode},
    {"freeze-then-apply", FaultKind::kFreezeThenApply, Argument::kMilliseconds},
    {"prune-late", FaultKind::kPruneLate, Argument::kMilliseconds},
    {"torn-copy", FaultKind::kTornCopy, Argument::kNone},
    {"stale-lock", FaultKind::kStaleLock, Argument::kNone},
};

constexpr std::string_view kHelp =
    "delay=MS             the work is done, its answer comes so much later\n"
    "error=CODE           answers CODE (a name such as UNAVAILABLE, or a number), does nothing\n"
    "hang                 does nothing and never answers\n"
    "crash                the node ends in the middle of the call\n"
    "apply-after-cancel   the change is made once the caller has gone\n"
    "error-after-apply=CODE  the change is made, the answer is CODE\n"
    "freeze-then-apply=MS the change is held that long, then made whatever happened meanwhile\n"
    "prune-late=MS        ReplicateRepository updates references first and prunes that much later\n"
    "torn-copy            a repository that ReplicateRepository makes lacks the content of a file\n"
    "stale-lock           lock files are in the way of references until Cleanup or "
    "OptimizeRepository\n"
    "Each may end in @Method and then concerns only that RPC, as in error=INTERNAL@WriteRef.";

absl::StatusOr<std::chrono::milliseconds> ParseMilliseconds(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is no number of milliseconds", text));
  }
  return std::chrono::milliseconds(value);
}

absl::StatusOr<absl::StatusCode> ParseCode(std::string_view text) {
  for (int code = 1; code <= 16; ++code) {
    const auto candidate = static_cast<absl::StatusCode>(code);
    if (text == absl::StatusCodeToString(candidate) || text == fmt::to_string(code)) {
      return candidate;
    }
  }
  return absl::InvalidArgumentError(fmt::format("\"{}\" is no gRPC status code", text));
}

absl::Status ParseArgument(Argument kind, std::string_view text, Fault* fault) {
  if (kind == Argument::kNone) {
    return text.empty() ? absl::OkStatus() : absl::InvalidArgumentError("it takes no argument");
  }
  if (kind == Argument::kMilliseconds) {
    absl::StatusOr<std::chrono::milliseconds> time = ParseMilliseconds(text);
    if (time.ok()) fault->time = *time;
    return time.status();
  }
  absl::StatusOr<absl::StatusCode> code = ParseCode(text);
  if (code.ok()) fault->code = *code;
  return code.status();
}

bool Concerns(const Fault& fault, std::string_view method) {
  return fault.method.empty() || fault.method == method ||
         fault.method == method.substr(method.rfind('/') + 1);
}

}  // namespace

absl::StatusOr<Fault> ParseFault(std::string_view text) {
  const size_t at = text.find('@');
  const std::string_view front = text.substr(0, at);
  const size_t equals = front.find('=');
  const std::string_view name = front.substr(0, equals);
  const std::string_view argument =
      equals == std::string_view::npos ? std::string_view() : front.substr(equals + 1);
  for (const FaultName& known : kFaults) {
    if (known.name != name) continue;
    Fault fault;
    fault.kind = known.kind;
    if (at != std::string_view::npos) fault.method = std::string(text.substr(at + 1));
    const absl::Status parsed = ParseArgument(known.argument, argument, &fault);
    if (parsed.ok()) return fault;
    return absl::InvalidArgumentError(
        fmt::format("fault \"{}\": {}", text, std::string(parsed.message())));
  }
  return absl::InvalidArgumentError(
      fmt::format("there is no fault \"{}\"; there are:\n{}", name, kHelp));
}

std::string_view FaultHelp() { return kHelp; }

const Fault* FaultSet::Find(FaultKind kind) const {
  for (auto fault = faults_.rbegin(); fault != faults_.rend(); ++fault) {
    if (fault->kind == kind) return &*fault;
  }
  return nullptr;
}

std::chrono::milliseconds FaultSet::Time(FaultKind kind) const {
  const Fault* fault = Find(kind);
  return fault != nullptr ? fault->time : std::chrono::milliseconds(0);
}

absl::StatusOr<FaultSet> FaultBoard::ForCall(std::string_view method) const {
  std::vector<Fault> faults;
  for (const Fault& fault : always_) {
    if (Concerns(fault, method)) faults.push_back(fault);
  }
  std::ifstream in(file_);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    absl::StatusOr<Fault> fault = ParseFault(line);
    if (!fault.ok()) return fault.status();
    if (Concerns(*fault, method)) faults.push_back(*std::move(fault));
  }
  return FaultSet(std::move(faults));
}

}  // namespace praefect::minigitaly
