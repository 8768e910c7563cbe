#include "dispatcher.h"

#include <fmt/format.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "faulty_call.h"

namespace praefect::minigitaly {
namespace {

absl::Status Unimplemented(std::string_view method) {
  const size_t slash = method.rfind('/');
  if (slash == std::string_view::npos || slash == 0) {
    return absl::UnimplementedError(fmt::format("malformed method name: \"{}\"", method));
  }
  return absl::UnimplementedError(fmt::format(
      "unknown method {} for service {}", method.substr(slash + 1), method.substr(1, slash - 1)));
}

// As abruptly as a node can go: no destructor, no answer.
[[noreturn]] void Crash() {
  kill(getpid(), SIGKILL);
  _exit(137);
}

}  // namespace

Dispatcher::Dispatcher(AdmissionRules rules, const MethodTable& table, const FaultBoard& faults,
                       Recorder& recorder, StaleLocks& locks)
    : rules_(std::move(rules)),
      table_(table),
      faults_(faults),
      recorder_(recorder),
      locks_(locks) {}

absl::Status Dispatcher::Handle(GrpcCall& call) {
  const auto began = std::chrono::steady_clock::now();
  const MethodEntry* entry = table_.Find(call.method());
  absl::Status status = Refusal(call, entry);
  CallStart start{call.method(), {}, call.AllMetadata(), call.Deadline()};
  if (status.ok()) {
    const std::string* first = call.Peek();
    if (first != nullptr) start.target = entry->target(*first);
  }
  const uint64_t id = recorder_.Start(start);
  if (status.ok()) {
    absl::StatusOr<FaultSet> faults = faults_.ForCall(call.method());
    status = faults.ok() ? Serve(call, entry, start.target, *faults) : faults.status();
  }
  recorder_.End(id, CallEnd{status, call.cancelled(),
                            std::chrono::duration_cast<std::chrono::milliseconds>(
                                std::chrono::steady_clock::now() - began)});
  return status;
}

absl::Status Dispatcher::Refusal(const GrpcCall& call, const MethodEntry* entry) const {
  const absl::Status admission =
      Admit(rules_, call.method(), call.Metadata("authorization"), time(nullptr));
  if (!admission.ok()) return admission;
  return entry == nullptr ? Unimplemented(call.method()) : absl::OkStatus();
}

absl::Status Dispatcher::Serve(GrpcCall& call, const MethodEntry* entry,
                               const RequestTarget& target, const FaultSet& faults) {
  if (faults.Has(FaultKind::kCrash)) Crash();
  if (const Fault* error = faults.Find(FaultKind::kError)) {
    if (faults.Has(FaultKind::kDelay)) call.WaitUntilCancelled(faults.Time(FaultKind::kDelay));
    return absl::Status(error->code, "fault: error");
  }
  if (faults.Has(FaultKind::kHang)) {
    call.WaitUntilCancelled(std::nullopt);
    return absl::CancelledError("fault: hang");
  }
  if (faults.Has(FaultKind::kStaleLock)) locks_.Leave(target);
  FaultyCall faulty(call, faults);
  return faulty.Answer(entry->handler(faulty));
}

}  // namespace praefect::minigitaly
