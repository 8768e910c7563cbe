#include "ledger.h"

#include <fmt/format.h>

#include <algorithm>

namespace praefect::bench {
namespace {

constexpr size_t kMostFailures = 20;  // that are told in words
// Recovery is seen by some connections; the others have so long.
constexpr std::chrono::seconds kSettling{5};
// Calls that began before are over: longer than any deadline.
constexpr std::chrono::minutes kForgotten{5};

bool Contains(const Codes& codes, grpc::StatusCode code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

}  // namespace

std::string CodeName(grpc::StatusCode code) {
  static constexpr const char* kNames[] = {"OK",
                                           "CANCELLED",
                                           "UNKNOWN",
                                           "INVALID_ARGUMENT",
                                           "DEADLINE_EXCEEDED",
                                           "NOT_FOUND",
                                           "ALREADY_EXISTS",
                                           "PERMISSION_DENIED",
                                           "RESOURCE_EXHAUSTED",
                                           "FAILED_PRECONDITION",
                                           "ABORTED",
                                           "OUT_OF_RANGE",
                                           "UNIMPLEMENTED",
                                           "INTERNAL",
                                           "UNAVAILABLE",
                                           "DATA_LOSS",
                                           "UNAUTHENTICATED"};
  const auto number = static_cast<size_t>(code);
  return number < std::size(kNames) ? kNames[number] : fmt::format("status {}", number);
}

void Ledger::Judge(const std::string& kind, const Codes& allowed, Clock::time_point begin,
                   const CallEnd& end) {
  const grpc::StatusCode code = end.status.error_code();
  std::lock_guard lock(mutex_);
  calls_[kind][CodeName(code)]++;
  if (end.status.ok() && !end.wrong.empty()) return FailLocked(kind + ": " + end.wrong);
  const bool excused = std::any_of(faults_.begin(), faults_.end(), [&](const Fault& fault) {
    return fault.end >= begin && Contains(fault.allowed, code);
  });
  if (Contains(allowed, code) || excused) return;
  FailLocked(
      fmt::format("{}: unexpected {}: {}", kind, CodeName(code), end.status.error_message()));
}

Ledger::Window Ledger::OpenWindow(const std::string& fault, const Codes& allowed) {
  std::lock_guard lock(mutex_);
  fault_counts_[fault]++;
  const auto now = Clock::now();
  faults_.remove_if([&](const Fault& old) { return old.end < now - kForgotten; });
  return Window(*this, faults_.emplace_back(Fault{allowed, now}));
}

Ledger::Window::~Window() {
  std::lock_guard lock(ledger_.mutex_);
  fault_.end = Clock::now() + kSettling;
}

void Ledger::Fail(const std::string& what) {
  std::lock_guard lock(mutex_);
  FailLocked(what);
}

void Ledger::FailLocked(const std::string& what) {
  if (failures_.size() == kMostFailures) {
    more_failures_++;
  } else {
    failures_.push_back(what);
  }
}

uint64_t Ledger::calls() const {
  std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const auto& [kind, codes] : calls_) {
    for (const auto& [code, count] : codes) sum += count;
  }
  return sum;
}

std::vector<std::string> Ledger::Failures() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> failures = failures_;
  if (more_failures_ > 0) failures.push_back(fmt::format("and {} more", more_failures_));
  return failures;
}

std::string Ledger::Summary() const {
  std::lock_guard lock(mutex_);
  std::string text = "calls\n";
  for (const auto& [kind, codes] : calls_) {
    text += fmt::format("  {:<22}", kind);
    for (const auto& [code, count] : codes) text += fmt::format(" {} {}", code, count);
    text += "\n";
  }
  text += "faults\n";
  for (const auto& [fault, count] : fault_counts_)
    text += fmt::format("  {:<22} {}\n", fault, count);
  return text;
}

}  // namespace praefect::bench
