#include "proxy/upstreams.h"

#include <utility>

namespace praefect::proxy {
namespace {

constexpr int64_t kLeftLookMs = 200;  // between two looks at upstreams of nodes that left

}  // namespace

Upstreams::Upstreams(net::EventLoop& loop, http2::Buffers& buffers, net::Resolver& resolver,
                     std::chrono::milliseconds keepalive_timeout)
    : loop_(loop),
      buffers_(buffers),
      resolver_(resolver),
      keepalive_timeout_(keepalive_timeout),
      left_timer_(loop, [this] { DrainLeft(); }) {}

std::shared_ptr<Upstream> Upstreams::Of(const nodes::Node& node) {
  auto& upstream = upstreams_[node.id];
  if (upstream == nullptr) {
    upstream = std::make_shared<Upstream>(loop_, buffers_, resolver_, node.address, node.traffic);
    upstream->set_keepalive_timeout(keepalive_timeout_);
  }
  upstream->Trust(node.tls);
  return upstream;
}

void Upstreams::TakeSnapshot(std::shared_ptr<const nodes::Snapshot> snapshot) {
  const auto before = std::exchange(snapshot_, std::move(snapshot));
  std::erase_if(upstreams_, [&](auto& entry) {
    auto& [id, upstream] = entry;
    const nodes::Node* now = snapshot_->FindNode(id);
    if (now == nullptr) {
      left_.push_back(std::move(upstream));
      return true;
    }
    const nodes::Node* was = before->FindNode(id);
    const bool came_up =
        was != nullptr && was->health != now->health && now->health == nodes::Health::kUp;
    if (came_up) upstream->RetryNow();
    upstream->Suspect(now->silent);
    return false;
  });
  DrainLeft();
}

// Never from inside a callback of a connection, which would be destroyed under its feet.
void Upstreams::DrainLeft() {
  for (auto& upstream : left_) upstream->Drain();
  std::erase_if(left_,
                [](auto& upstream) { return upstream.use_count() == 1 && upstream->idle(); });
  if (!left_.empty()) left_timer_.Start(kLeftLookMs);
}

void Upstreams::set_keepalive_timeout(std::chrono::milliseconds timeout) {
  keepalive_timeout_ = timeout;
  for (auto& [id, upstream] : upstreams_) upstream->set_keepalive_timeout(timeout);
}

void Upstreams::CloseAll() {
  for (auto& [id, upstream] : upstreams_) upstream->CloseAll();
  for (auto& upstream : left_) upstream->CloseAll();
}

}  // namespace praefect::proxy
