#pragma once

// What may happen next in a state of the replica model.

#include "datastore/rules.h"
#include "replica_model.h"

namespace praefect::datastore {

using ReplicaState = ReplicaModel::State;

// The books as the product's rules know them. The intent of write w has the id w.
Books UnpackBooks(const ReplicaState& state);
void PackBooks(const Books& books, ReplicaState* state);

class ReplicaSteps {
 public:
  ReplicaSteps(const ReplicaState& state, const ReplicaLimits& limits,
               const ReplicaMistakes& mistakes, Emit<ReplicaState> emit);
  void All();

 private:
  // One step: change `books_` and `next_`, then Go. Both are as before afterwards.
  void Go(Label label) { Go(false, label); }
  void Fault(Label label) { Go(true, label); }
  void Go(bool optional, Label label);

  void OpenAndSend(int w);
  void OnTheNode(int w);
  void Answer(int w);
  void SettleAnswered(int w);
  void SettleUnproven(int w);
  void OwnerFaults(int w);

  void TakeJob(int n);
  void Progress(int n, const ReplicaModel::Run& run, bool released);
  void Complete(int n, const ReplicaModel::Run& run, bool released);
  void WorkerFaults(int n);
  void Linger(int n);

  void PromoteNode(int n);
  void WithdrawClaim(int n);
  void ExchangeDisk(int n);

  bool SettleInBooks(int w, bool node_ok);
  void EndWrite(int w);
  ReplicaModel::Run& RunOf(ReplicaState* state, int n, bool released) const;
  void Withdrawn(int n, bool suspect);
  std::string Numbers() const;

  const ReplicaState& before_;
  const Books books_before_;
  const ReplicaLimits& limits_;
  const ReplicaMistakes& mistakes_;
  const Emit<ReplicaState> emit_;
  ReplicaState next_;
  Books books_;
};

}  // namespace praefect::datastore
