#pragma once

// From a row of probe results to a node's health, without a clock.

#include <optional>

#include "nodes/probe_result.h"
#include "nodes/snapshot.h"

namespace praefect::nodes {

// Down after kFailuresUntilDown failed probes in a row, up after kSuccessesUntilUp good ones; from
// kUnknown the first good one is enough.
//
// From 16.10 on, Gitaly answers grpc.health.v1 without a token, so that a good health check does
// not say whether Praefect's token is the right one. Some probes therefore ask a second question
// after it, the token check: ServerService/ServerInfo, which no Gitaly answers without the token.
// While a node is up, every tenth probe does. While it is not, or its last verdict on the token was
// no, every probe does: so it is never declared up unasked, does not flap between the two answers,
// and is back soon after the token was corrected.
//
// Only a refused token fails a probe by its token check. Its other failures say nothing about the
// token, and whether the node serves was answered already: ServerInfo also looks at every storage
// and runs git, so a slow disk must not take a node away that says that it serves. What the node
// said about the token before stands until it says something else.
class HealthTracker {
 public:
  static constexpr int kFailuresUntilDown = 2;
  static constexpr int kSuccessesUntilUp = 2;
  static constexpr int kProbesPerTokenCheck = 10;

  Health health() const { return health_; }

  // Whether the present probe asks about the token, if its health check is good.
  bool TokenCheckDue() const;
  // The next one does: Praefect's token is another one, or the node may have been started anew.
  void CheckTokenNext() { since_token_check_ = kProbesPerTokenCheck; }

  // A probe has ended, which asked both questions or only the first one. Returns what it says as a
  // whole, and changes health().
  ProbeResult Observe(ProbeResult health_check);
  ProbeResult Observe(ProbeResult health_check, const ProbeResult& token_check);

 private:
  void Count(bool good);

  Health health_ = Health::kUnknown;
  bool last_good_ = false;
  int in_a_row_ = 0;                    // results like the last one; saturates
  int since_token_check_ = 0;           // probes that did not ask
  std::optional<ProbeResult> refusal_;  // the node's last verdict on the token, if it was no
};

}  // namespace praefect::nodes
