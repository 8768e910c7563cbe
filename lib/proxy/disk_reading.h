#pragma once

// Asks a node for the filesystem_id of its storage, over the connection that calls are about to
// use: who answers there may have been started anew, with another disk, since it was probed.

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "http2/buffer.h"
#include "net/event_loop.h"
#include "nodes/snapshot.h"
#include "proxy/side_call.h"
#include "proxy/upstream.h"

namespace praefect::proxy {

class DiskReading {
 public:
  static constexpr int64_t kTimeoutMs = 10'000;
  static constexpr size_t kMaxAnswerBytes = 1 << 20;

  // Empty: the node cannot tell it. DATA_LOSS: it serves no such storage.
  using Done = std::function<void(absl::StatusOr<std::string>)>;

  // What is referred to outlives it; the upstream owns it.
  DiskReading(net::EventLoop& loop, http2::Buffers& buffers, Upstream& upstream, Done done,
              int64_t timeout_ms = kTimeoutMs);
  DiskReading(const DiskReading&) = delete;
  DiskReading& operator=(const DiskReading&) = delete;

  // Calls back once, maybe before it returns. Not while one is under way. Of `node` what is needed
  // is copied.
  void Ask(const nodes::Node& node);
  bool under_way() const { return under_way_; }
  // Over which of the upstream's connections it was asked last (Upstream::connections_made).
  uint64_t connection() const { return connection_; }

 private:
  http2::HeaderList MakeHeaders();
  void Finish(const absl::StatusOr<std::string>& filesystem_id);
  absl::StatusOr<std::string> Read(const SideCall::Outcome& outcome) const;

  http2::Buffers& buffers_;
  Upstream& upstream_;
  const http2::HeaderList headers_;
  const Done done_;
  const int64_t timeout_ms_;
  std::string storage_, token_;
  bool under_way_ = false;
  uint64_t connection_ = 0;
  net::Timer timer_;
  std::optional<SideCall> call_;
};

}  // namespace praefect::proxy
