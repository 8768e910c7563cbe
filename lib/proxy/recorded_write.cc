#include "proxy/recorded_write.h"

#include <utility>

#include "nodes/gitaly_version.h"

namespace praefect::proxy {

bool RecordedWrite::MayBegin() const {
  const bool may = InTime();
  sent_ = sent_ || may;
  return may;
}

void RecordedWrite::Settle(std::function<void(datastore::Told)> done) {
  if (!std::exchange(ended_, true)) bookkeeper_.Settle(write_, std::move(done));
}

void RecordedWrite::Finish(datastore::End end) {
  if (!std::exchange(ended_, true)) bookkeeper_.Finish(write_, end);
}

// When the connection is lost instead, the last reference goes with it.
void RecordedWrite::FinishAfterReset(std::shared_ptr<RecordedWrite> write,
                                     http2::Connection& connection, const nodes::Node& node) {
  if (write->ended()) return;
  if (!write->sent_ || !nodes::EndsCancelledCalls(node.server_version)) return write->Abandon();
  connection.ConfirmResets(
      [write = std::move(write)] { write->Finish(datastore::End::kAnswered); });
}

}  // namespace praefect::proxy
