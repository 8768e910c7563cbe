#pragma once

// A call seen through the faults that concern it.

#include <atomic>

#include "call.h"
#include "faults.h"

namespace praefect::minigitaly {

class FaultyCall : public Call {
 public:
  // Both are borrowed.
  FaultyCall(Call& call, const FaultSet& faults);

  const std::string& method() const override { return call_.method(); }
  std::optional<std::string> Metadata(std::string_view key) const override;
  bool Read(std::string* message) override { return call_.Read(message); }
  void StopReading() override { call_.StopReading(); }
  bool Write(std::string_view message) override;
  void WriteAnswer(std::string_view message) override;
  bool cancelled() const override;
  bool WaitUntilCancelled(std::optional<std::chrono::milliseconds> longest) override;
  std::unique_ptr<CancelWatch> WhenCancelled(std::function<void()> action) override;
  void BeforeChange() override;
  bool holds_changes() const override { return outlives_caller_; }
  std::chrono::milliseconds prune_delay() const override;
  bool tears_copy() const override;

  // What the caller is told in place of `status`.
  absl::Status Answer(absl::Status status);

 private:
  // Waits the time of kDelay, once.
  void DelayAnswer();

  Call& call_;
  const FaultSet& faults_;
  const bool outlives_caller_;  // the change is made whether the caller waits for it or not
  std::atomic<bool> answered_{false};
};

}  // namespace praefect::minigitaly
