#pragma once

// A call that the books have recorded: its send window, and its end, which they are told exactly
// once. For one worker's thread; dropped on any.

#include <functional>
#include <memory>

#include "datastore/bookkeeper.h"
#include "http2/connection.h"
#include "http2/send_gate.h"
#include "nodes/snapshot.h"

namespace praefect::proxy {

class RecordedWrite final : public http2::SendGate {
 public:
  // `bookkeeper` outlives it.
  RecordedWrite(datastore::Bookkeeper& bookkeeper, datastore::Write write)
      : bookkeeper_(bookkeeper), write_(std::move(write)) {}
  // One that nobody ended was lost, if anything of it left.
  ~RecordedWrite() override { Abandon(); }
  RecordedWrite(const RecordedWrite&) = delete;
  RecordedWrite& operator=(const RecordedWrite&) = delete;

  bool MayBegin() const override;
  bool MayContinue() const override { return bookkeeper_.MayFeed(write_); }

  // Whether it could begin now.
  bool InTime() const { return bookkeeper_.MaySend(write_); }
  const datastore::Write& record() const { return write_; }
  bool ended() const { return ended_; }

  // The node provably did not take what was sent of it.
  void NotTaken() { sent_ = false; }

  // --- The end; what comes after the first changes nothing ---

  // The node's OK. Told on any thread.
  void Settle(std::function<void(datastore::Told)> done);
  void Finish(datastore::End end);
  // Nobody waits for it any more, and it was not reset.
  void Abandon() { Finish(sent_ ? datastore::End::kLost : datastore::End::kNeverSent); }
  // Its stream on `connection` was reset: the node has answered when it has read that, except an
  // old one, whose calls may outlive their cancellation.
  static void FinishAfterReset(std::shared_ptr<RecordedWrite> write, http2::Connection& connection,
                               const nodes::Node& node);

 private:
  datastore::Bookkeeper& bookkeeper_;
  const datastore::Write write_;
  mutable bool sent_ = false;  // the gate has let it begin
  bool ended_ = false;
};

}  // namespace praefect::proxy
