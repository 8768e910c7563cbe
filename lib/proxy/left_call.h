#pragma once

// A recorded call whose client left after the node had sent its result: it is not cancelled, and
// ends by itself, or is reset when it does not in time.

#include <memory>
#include <vector>

#include "http2/connection.h"
#include "net/event_loop.h"
#include "nodes/snapshot.h"
#include "proxy/metrics.h"
#include "proxy/recorded_write.h"

namespace praefect::proxy {

// The left calls of one worker.
class LeftCalls {
 public:
  // How long one may take (truth model, 2.3: it ends within `replication.linger`).
  static constexpr int64_t kLongestMs = 3'000;

  LeftCalls(net::EventLoop& loop, Metrics& metrics) : loop_(loop), metrics_(metrics) {}

  // `snapshot` keeps `node`. The client had ended its request if `request_ended`.
  void Add(http2::Stream& stream, std::shared_ptr<RecordedWrite> write,
           std::shared_ptr<const nodes::Snapshot> snapshot, const nodes::Node& node,
           bool request_ended);
  // Those that were recorded as this instance are reset.
  void EndInstance(int64_t instance);
  // All are reset.
  void EndAll();

 private:
  class LeftCall;
  void Remove(LeftCall& call);

  net::EventLoop& loop_;
  Metrics& metrics_;
  std::vector<std::shared_ptr<LeftCall>> calls_;
};

}  // namespace praefect::proxy
