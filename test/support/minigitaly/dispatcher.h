#pragma once

// What happens to every call before and after its handler: admission, faults, the record.

#include "admission.h"
#include "faults.h"
#include "grpc_call.h"
#include "method_table.h"
#include "recorder.h"
#include "stale_lock.h"

namespace praefect::minigitaly {

class Dispatcher {
 public:
  // `table`, `faults`, `recorder` and `locks` are borrowed.
  Dispatcher(AdmissionRules rules, const MethodTable& table, const FaultBoard& faults,
             Recorder& recorder, StaleLocks& locks);

  // Any thread.
  absl::Status Handle(GrpcCall& call);

 private:
  absl::Status Serve(GrpcCall& call, const MethodEntry* entry, const RequestTarget& target,
                     const FaultSet& faults);
  absl::Status Refusal(const GrpcCall& call, const MethodEntry* entry) const;

  const AdmissionRules rules_;
  const MethodTable& table_;
  const FaultBoard& faults_;
  Recorder& recorder_;
  StaleLocks& locks_;
};

}  // namespace praefect::minigitaly
