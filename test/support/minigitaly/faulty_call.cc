#include "faulty_call.h"

#include <thread>

namespace praefect::minigitaly {

FaultyCall::FaultyCall(Call& call, const FaultSet& faults)
    : call_(call),
      faults_(faults),
      outlives_caller_(faults.Has(FaultKind::kApplyAfterCancel) ||
                       faults.Has(FaultKind::kFreezeThenApply)) {}

std::optional<std::string> FaultyCall::Metadata(std::string_view key) const {
  return call_.Metadata(key);
}

bool FaultyCall::Write(std::string_view message) {
  DelayAnswer();
  return call_.Write(message) || outlives_caller_;
}

void FaultyCall::WriteAnswer(std::string_view message) {
  if (!faults_.Has(FaultKind::kErrorAfterApply)) Write(message);
}

bool FaultyCall::cancelled() const { return !outlives_caller_ && call_.cancelled(); }

bool FaultyCall::WaitUntilCancelled(std::optional<std::chrono::milliseconds> longest) {
  return call_.WaitUntilCancelled(longest);
}

std::unique_ptr<CancelWatch> FaultyCall::WhenCancelled(std::function<void()> action) {
  if (outlives_caller_) return std::make_unique<CancelWatch>();
  return call_.WhenCancelled(std::move(action));
}

void FaultyCall::BeforeChange() {
  std::this_thread::sleep_for(faults_.Time(FaultKind::kFreezeThenApply));
  if (faults_.Has(FaultKind::kApplyAfterCancel)) call_.WaitUntilCancelled(std::nullopt);
}

std::chrono::milliseconds FaultyCall::prune_delay() const {
  return faults_.Time(FaultKind::kPruneLate);
}

bool FaultyCall::tears_copy() const { return faults_.Has(FaultKind::kTornCopy); }

absl::Status FaultyCall::Answer(absl::Status status) {
  DelayAnswer();
  const Fault* fault = faults_.Find(FaultKind::kErrorAfterApply);
  if (fault == nullptr || !status.ok()) return status;
  return absl::Status(fault->code, "fault: error after apply");
}

void FaultyCall::DelayAnswer() {
  const auto time = faults_.Time(FaultKind::kDelay);
  if (!answered_.exchange(true) && time.count() > 0) call_.WaitUntilCancelled(time);
}

}  // namespace praefect::minigitaly
