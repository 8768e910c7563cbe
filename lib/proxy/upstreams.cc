#include "proxy/upstreams.h"

#include <algorithm>
#include <utility>

namespace praefect::proxy {
namespace {

constexpr int64_t kLeftLookMs = 200;  // between two looks at upstreams of nodes that left

}  // namespace

Upstreams::Upstreams(net::EventLoop& loop, http2::Buffers& buffers, net::Resolver& resolver,
                     std::chrono::milliseconds keepalive_timeout, std::function<void()> crowded,
                     int64_t lane_look_ms)
    : loop_(loop),
      buffers_(buffers),
      resolver_(resolver),
      keepalive_timeout_(keepalive_timeout),
      crowded_(std::move(crowded)),
      lane_look_ms_(lane_look_ms),
      lanes_timer_(loop, [this] { LookAtLanes(); }),
      left_timer_(loop, [this] { DrainLeft(); }) {}

std::shared_ptr<Upstream> Upstreams::Make(const nodes::Node& node) {
  auto upstream =
      std::make_shared<Upstream>(loop_, buffers_, resolver_, node.address, node.traffic);
  upstream->set_keepalive_timeout(keepalive_timeout_);
  upstream->Suspect(node.silent);
  return upstream;
}

std::shared_ptr<Upstream> Upstreams::Of(const nodes::Node& node) {
  auto& upstream = ways_[node.id].shared;
  if (upstream == nullptr) upstream = Make(node);
  upstream->Trust(node.tls);
  return upstream;
}

std::shared_ptr<Upstream> Upstreams::LaneOf(const nodes::Node& node, const void* client) {
  Lane& lane = ChooseLane(ways_[node.id], node, client);
  lane.used = true;
  lane.upstream->Trust(node.tls);
  return lane.upstream;
}

Upstreams::Lane& Upstreams::ChooseLane(Ways& ways, const nodes::Node& node, const void* client) {
  auto& lanes = ways.lanes;
  auto chosen =
      std::find_if(lanes.begin(), lanes.end(), [&](const Lane& l) { return l.client == client; });
  if (chosen != lanes.end()) return *chosen;
  chosen = std::find_if(lanes.begin(), lanes.end(), [](const Lane& lane) { return lane.free(); });
  if (chosen == lanes.end() && lanes.size() < kMaxLanes) {
    if (!lanes_timer_.running()) lanes_timer_.Start(lane_look_ms_);
    lanes.push_back({Make(node), client});
    return lanes.back();
  }
  if (chosen == lanes.end()) {
    if (crowded_) crowded_();
    return *std::min_element(lanes.begin(), lanes.end(), [](const Lane& a, const Lane& b) {
      return a.upstream.use_count() < b.upstream.use_count();
    });
  }
  chosen->client = client;
  return *chosen;
}

void Upstreams::LookAtLanes() {
  bool any = false;
  for (auto& [id, ways] : ways_) {
    std::erase_if(ways.lanes, [&](Lane& lane) {
      const bool needed = std::exchange(lane.used, false) || !lane.free();
      if (!needed) left_.push_back(std::move(lane.upstream));
      return !needed;
    });
    any = any || !ways.lanes.empty();
  }
  if (any) lanes_timer_.Start(lane_look_ms_);
  DrainLeft();
}

void Upstreams::TakeSnapshot(std::shared_ptr<const nodes::Snapshot> snapshot) {
  const auto before = std::exchange(snapshot_, std::move(snapshot));
  for (auto at = ways_.begin(); at != ways_.end();) {
    auto& [id, ways] = *at;
    const nodes::Node* now = snapshot_->FindNode(id);
    if (now == nullptr) {
      ways.ForEach([this](auto& upstream) { left_.push_back(std::move(upstream)); });
      at = ways_.erase(at);
      continue;
    }
    const nodes::Node* was = before->FindNode(id);
    const bool came_up =
        was != nullptr && was->health != now->health && now->health == nodes::Health::kUp;
    ways.ForEach([&](auto& upstream) {
      if (came_up) upstream->RetryNow();
      upstream->Suspect(now->silent);
    });
    ++at;
  }
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
  for (auto& [id, ways] : ways_) {
    ways.ForEach([timeout](auto& upstream) { upstream->set_keepalive_timeout(timeout); });
  }
}

void Upstreams::CloseAll() {
  for (auto& [id, ways] : ways_) {
    ways.ForEach([](auto& upstream) { upstream->CloseAll(); });
  }
  for (auto& upstream : left_) upstream->CloseAll();
}

}  // namespace praefect::proxy
