#include "faults.h"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "traffic.h"

namespace praefect::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestRecovery = 120s;  // on a machine with much else to do
constexpr int kProofs = 6;               // connections, so that every worker has some

// How long a node is away.
void Stay(std::mt19937& random, std::chrono::milliseconds longest) {
  std::this_thread::sleep_for(
      std::chrono::milliseconds(random() % static_cast<uint32_t>(longest.count())));
}

// The first one is the primary, which most calls go to.
test::StorageNode& SomeNode(Site& site, std::mt19937& random) {
  return site.node(random() % 2 == 0 ? 0 : random() % site.nodes());
}

void RestartNode(Site& site, std::mt19937& random) {
  test::StorageNode& node = SomeNode(site, random);
  if (node.Stop() != 0) throw std::runtime_error("a node does not end: " + node.output());
  Stay(random, 2s);
  node.Start();
}

void KillNode(Site& site, std::mt19937& random) {
  test::StorageNode& node = SomeNode(site, random);
  node.Crash();
  Stay(random, 2s);
  node.Start();
}

// At times for longer than keepalive_timeout, at times too short for anybody to notice.
void FreezeNode(Site& site, std::mt19937& random) {
  test::StorageNode& node = SomeNode(site, random);
  node.Freeze();
  Stay(random, random() % 3 == 0 ? 20s : 3s);
  node.Thaw();
}

void ChangeLimits(Site& site, std::mt19937& random) {
  site.settings().max_streams_per_connection = 1'000 + random() % 9'000;
  site.Reload();
}

void ChangeToken(Site& site, std::mt19937& random) {
  site.settings().client_token = fmt::format("hunter2-soak-{}", random());
  site.Reload();
}

// The last node leaves, and comes back.
void ChangeNodes(Site& site, std::mt19937& random) {
  site.settings().last_node = false;
  site.Reload();
  Stay(random, 2s);
  site.settings().last_node = true;
  site.Reload();
}

void ReplaceCertificate(Site& site, std::mt19937&) {
  site.settings().certificate = site.NewCertificate();
  site.Reload();
}

void RotateLog(Site& site, std::mt19937&) { site.RotateLog(); }

bool Serves(Site& site, std::mt19937& random) {
  for (int i = 0; i < kProofs; i++) {
    Client client(site, 0, i % 2 == 0, random());
    for (const Kind& kind : Kinds()) {
      if (kind.allowed == Codes{grpc::StatusCode::OK}) {
        if (!kind.run(client).status.ok()) return false;
        break;
      }
    }
  }
  return true;
}

}  // namespace

const std::vector<Fault>& Faults() {
  using enum grpc::StatusCode;
  static const std::vector<Fault> faults = {
      // Gitaly's own way to stop ends what is open with CANCELLED or UNAVAILABLE.
      {"node restarted", {UNAVAILABLE, CANCELLED}, RestartNode},
      {"node killed", {UNAVAILABLE}, KillNode},
      {"node frozen", {UNAVAILABLE, DEADLINE_EXCEEDED}, FreezeNode},
      {"limits changed", {}, ChangeLimits},
      {"token changed", {PERMISSION_DENIED}, ChangeToken},
      {"nodes changed", {}, ChangeNodes},
      {"certificate replaced", {}, ReplaceCertificate},
      {"log rotated", {}, RotateLog},
  };
  return faults;
}

void LetHappen(const Fault& fault, Site& site, Ledger& ledger, std::mt19937& random) {
  const auto window = ledger.OpenWindow(fault.name, fault.allowed);
  fault.run(site, random);
  const bool serves = test::Eventually([&] { return Serves(site, random); }, kLongestRecovery);
  if (!serves) {
    throw std::runtime_error(
        fmt::format("no recovery from \"{}\":\n{}", fault.name, site.LogTail()));
  }
}

}  // namespace praefect::bench
