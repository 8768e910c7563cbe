#pragma once

// Faults that a node can be told to have: NAME[=ARGUMENT][@Method]. Without a method a fault
// concerns every call, health checks included.

#include <absl/status/statusor.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace praefect::minigitaly {

enum class FaultKind {
  kDelay,             // =MS: the answer is held back for so long; the work is done at once
  kError,             // =CODE: answered at once (or after a delay), nothing is done
  kHang,              // nothing is done, no answer comes
  kCrash,             // the process ends when the first message is there
  kApplyAfterCancel,  // the change waits until the caller has gone, and then is made
  kErrorAfterApply,   // =CODE: the change is made, the answer is an error
  kFreezeThenApply,   // =MS: the change is held back for so long, and then made whatever happened
  kPruneLate,         // =MS: ReplicateRepository prunes so long after it updated
  kTornCopy,          // a copy that makes the repository lacks a file's content
  kStaleLock,         // lock files stand in the way of every reference, as a killed git leaves them
};

struct Fault {
  FaultKind kind = FaultKind::kDelay;
  std::chrono::milliseconds time{0};
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string method;  // "RefExists"; empty for all
};

// InvalidArgument that says what would be right.
absl::StatusOr<Fault> ParseFault(std::string_view text);

// One help line per fault.
std::string_view FaultHelp();

// The faults that concern one call.
class FaultSet {
 public:
  explicit FaultSet(std::vector<Fault> faults) : faults_(std::move(faults)) {}

  // nullptr when the call does not have it; the last one given wins.
  const Fault* Find(FaultKind kind) const;
  bool Has(FaultKind kind) const { return Find(kind) != nullptr; }
  std::chrono::milliseconds Time(FaultKind kind) const;  // 0 when the call does not have it

 private:
  std::vector<Fault> faults_;
};

// Faults from the command line, and those in a file that is read anew at every call: a test turns
// faults on and off in a running node by replacing the file (one fault per line, # starts a
// comment).
class FaultBoard {
 public:
  FaultBoard(std::vector<Fault> always, std::filesystem::path file)
      : always_(std::move(always)), file_(std::move(file)) {}

  // `method` is "/gitaly.RefService/RefExists". A line that cannot be understood is an error: a
  // test must not pass because its fault was misspelt.
  absl::StatusOr<FaultSet> ForCall(std::string_view method) const;

 private:
  const std::vector<Fault> always_;
  const std::filesystem::path file_;
};

}  // namespace praefect::minigitaly
