#include "nodes/inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "nodes/clock_search.h"
#include "nodes/dialed_connection.h"
#include "nodes/inspection_calls.h"
#include "nodes/inspection_judgement.h"
#include "nodes/storage_judgement.h"
#include "nodes/tls_inspection.h"

namespace praefect::nodes {
namespace {

using Outcome = Step::Outcome;
using Info = ::gitaly::ServerInfoResponse;

constexpr int kRoundTrips = 3;  // of which the quickest counts
// A clock that is off by at most the difference to gitaly::kTokenTolerance is good: a token this
// far from our time is still taken, and no node in order has to refuse one.
constexpr int64_t kProbedShift = 20;
constexpr int64_t kGoodClockLead = 10;

bool IsRefusal(const CallFailure& failure) {
  return JudgeTokenAnswer(failure.code, failure.message) != TokenAnswer::kNone;
}

// Looks at one server.
class Inspector {
 public:
  Inspector(const GitalyServer& server, const InspectionOptions& options, Deadline deadline,
            const InspectionProgress& progress)
      : deadline_(deadline), options_(options), progress_(progress) {
    inspection_.server = server;
  }

  Inspection Run() {
    Say("dialing...");
    if (!Dial()) {
      Say("ERROR: dialing failed: " + inspection_.broken()->message);
      return std::move(inspection_);
    }
    Say("dialed successfully!");
    InspectionCalls calls(inspection_.server, options_, deadline_);
    Say("checking health...");
    if (!CheckHealth(calls)) return std::move(inspection_);
    Say("SUCCESS: node is healthy!");
    MeasureRoundTrip(calls);
    Say("checking consistency...");
    CheckConsistency(calls);
    return std::move(inspection_);
  }

 private:
  void Say(const std::string& line) { progress_(inspection_.server, line); }

  // False when the step is a broken one.
  bool Add(Step step) {
    inspection_.steps.push_back(std::move(step));
    return inspection_.steps.back().outcome != Outcome::kBroken;
  }

  bool Dial() {
    const GitalyServer& server = inspection_.server;
    const auto addresses = Resolve(server.address, deadline_);
    if (!addresses.ok()) return Add(JudgeResolving(server, addresses.status()));
    NoteName(*addresses);
    return Connect(*addresses) && CheckProtocol();
  }

  // Says nothing about an address that is written in digits.
  void NoteName(const std::vector<net::SocketAddress>& addresses) {
    const config::Address& address = inspection_.server.address;
    std::string text;
    for (const net::SocketAddress& found : addresses) {
      text += (text.empty() ? "" : ", ") + ToString(found);
    }
    const bool named = address.kind != config::Address::Kind::kUnix &&
                       text.find(address.host) == std::string::npos;
    if (named) Add({Layer::kName, Outcome::kGood, address.host + " is " + text, {}, {}});
  }

  // The first address that takes connections counts; those before it are worth a note.
  bool Connect(const std::vector<net::SocketAddress>& addresses) {
    for (size_t i = 0; i < addresses.size(); ++i) {
      const auto left = deadline_ - Deadline::clock::now();
      const auto share = left / static_cast<int64_t>(addresses.size() - i);
      const std::string text = ToString(addresses[i]);
      const DialedConnection connection(addresses[i], Deadline::clock::now() + share);
      if (connection.error_number() == 0) {
        connected_ = addresses[i];
        return Add({Layer::kConnection,
                    Outcome::kGood,
                    text + (text.empty() ? "connected" : " takes connections"),
                    {},
                    {}});
      }
      Step step = JudgeConnecting(inspection_.server, text, connection.error_number());
      if (i + 1 == addresses.size()) return Add(std::move(step));
      step.outcome = Outcome::kNote;
      Add(std::move(step));
    }
    return false;
  }

  bool CheckProtocol() {
    const GitalyServer& server = inspection_.server;
    const bool tls = server.address.kind == config::Address::Kind::kTls;
    DialedConnection connection(connected_, deadline_);
    if (connection.error_number() != 0) {
      return Add(JudgeConnecting(server, ToString(connected_), connection.error_number()));
    }
    if (tls && !CheckTls(connection)) return false;
    const Greeting greeting = Greet(connection);
    const bool may_be_tls = !tls && (greeting == Greeting::kClosed || greeting == Greeting::kOther);
    return Add(JudgeGreeting(server, greeting, may_be_tls && AnswersTls()));
  }

  bool CheckTls(DialedConnection& connection) {
    const GitalyServer& server = inspection_.server;
    const auto failure = connection.Encrypt(options_.tls, server.address.host);
    if (failure)
      return Add(JudgeTlsFailure(server, *failure, MayBeClear(*failure) && AnswersClear()));
    for (Step& step : JudgeCertificate(connection.certificate_not_after(), options_.wall_clock())) {
      Add(std::move(step));
    }
    return true;
  }

  static bool MayBeClear(const net::TlsFailure& failure) {
    return failure.reason == "not_tls" || failure.reason == "peer_closed" ||
           failure.reason == "io_error";
  }

  bool AnswersClear() const {
    DialedConnection connection(connected_, deadline_);
    return connection.error_number() == 0 && Greet(connection) == Greeting::kHttp2;
  }

  bool AnswersTls() const {
    DialedConnection connection(connected_, deadline_);
    return connection.error_number() == 0 && TakesTls(connection);
  }

  bool CheckHealth(InspectionCalls& calls) {
    std::string serving_status;
    const auto failure = calls.CheckHealth(serving_status);
    if (!failure) {
      const bool serving = Add(JudgeServingStatus(serving_status));
      if (!serving) {
        Say("ERROR: health check did not report serving, instead reported: " + serving_status);
      }
      return serving;
    }
    Say("ERROR: unable to request health check: " + ToString(*failure));
    if (IsRefusal(*failure)) {
      ExplainRefusal(calls, *failure);
    } else {
      Add(JudgeHealthFailure(inspection_.server, *failure));
    }
    return false;
  }

  void MeasureRoundTrip(InspectionCalls& calls) {
    for (int i = 0; i < kRoundTrips; ++i) {
      std::string serving_status;
      const auto began = Deadline::clock::now();
      if (calls.CheckHealth(serving_status)) return;
      const auto took =
          std::chrono::duration_cast<std::chrono::microseconds>(Deadline::clock::now() - began);
      inspection_.round_trip = std::min(inspection_.round_trip.value_or(took), took);
    }
  }

  void CheckConsistency(InspectionCalls& calls) {
    Info info;
    if (const auto failure = calls.AskServerInfo(0, info)) {
      Say("ERROR: failed to receive state from the remote: " + ToString(*failure));
      if (IsRefusal(*failure)) {
        ExplainRefusal(calls, *failure);
      } else {
        Add(JudgeInfoFailure(inspection_.server, *failure));
      }
      Say("ERROR: consistency check failed");
      return;
    }
    Add({Layer::kToken,
         Outcome::kGood,
         inspection_.server.token.empty() ? "none is configured, and none asked for" : "accepted",
         {},
         {}});
    CheckClock(calls);
    Remember(info);
    StorageJudgement judgement = JudgeStorages(inspection_.server, info);
    for (const std::string& line : judgement.lines) Say(line);
    for (Step& step : judgement.steps) Add(std::move(step));
  }

  void Remember(const Info& info) {
    inspection_.gitaly_version = info.server_version();
    inspection_.git_version = info.git_version();
    for (const Info::StorageStatus& status : info.storage_statuses()) {
      inspection_.served.push_back(
          {status.storage_name(), status.readable(), status.writeable(), status.filesystem_id()});
    }
  }

  AskWithShiftedClock Asker(InspectionCalls& calls) const {
    return [&calls](int64_t shift_seconds) {
      Info ignored;
      const auto failure = calls.AskServerInfo(shift_seconds, ignored);
      return failure ? JudgeTokenAnswer(failure->code, failure->message) : TokenAnswer::kAccepted;
    };
  }

  void ExplainRefusal(InspectionCalls& calls, const CallFailure& failure) {
    const TokenAnswer answer = JudgeTokenAnswer(failure.code, failure.message);
    const bool may_be_time = !inspection_.server.token.empty() && answer != TokenAnswer::kMissing;
    const auto lead = may_be_time ? FindClockLead(answer, Asker(calls)) : std::nullopt;
    if (lead) inspection_.clock_lead = std::chrono::seconds(*lead);
    for (Step& step : JudgeRefusedToken(inspection_.server, failure, lead)) Add(std::move(step));
  }

  // Only what is signed with a time shows anything about the node's.
  void CheckClock(InspectionCalls& calls) {
    if (inspection_.server.token.empty()) return;
    const auto ask = Asker(calls);
    const TokenAnswer early = ask(-kProbedShift);
    const TokenAnswer late = ask(kProbedShift);
    if (early == TokenAnswer::kNone || late == TokenAnswer::kNone) return;
    if (early == TokenAnswer::kAccepted && late == TokenAnswer::kAccepted) {
      Add({Layer::kClock,
           Outcome::kGood,
           fmt::format("within {} s of this host's", kGoodClockLead),
           {},
           {}});
      return;
    }
    const auto lead = FindClockLead(TokenAnswer::kAccepted, ask);
    if (!lead) return;
    inspection_.clock_lead = std::chrono::seconds(*lead);
    Add(JudgeClockLead(*lead));
  }

  const Deadline deadline_;
  const InspectionOptions& options_;
  const InspectionProgress& progress_;
  Inspection inspection_;
  net::SocketAddress connected_;
};

int64_t SystemClock() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::string_view NameOf(Layer layer) {
  constexpr std::string_view kNames[] = {"name",     "connection", "TLS",     "HTTP/2",
                                         "health",   "token",      "clock",   "storages",
                                         "readable", "writable",   "separate"};
  return kNames[static_cast<size_t>(layer)];
}

std::vector<std::string> SettingsOf(const GitalyServer& server, std::string_view key) {
  std::vector<std::string> settings;
  for (const GitalyServer::Node& node : server.nodes) {
    settings.push_back(fmt::format("virtual_storage \"{}\" node \"{}\": {}", node.virtual_storage,
                                   node.storage, key));
  }
  return settings;
}

std::vector<GitalyServer> ServersOf(const config::Config& config,
                                    std::string_view virtual_storage) {
  std::vector<GitalyServer> servers;
  for (const config::VirtualStorage& storage : config.virtual_storages) {
    if (!virtual_storage.empty() && storage.name != virtual_storage) continue;
    for (const config::Node& node : storage.nodes) {
      const auto address = config::ParseNodeAddress(node.address);
      if (!address.ok()) continue;  // the loading of a configuration refuses it
      auto same = std::find_if(servers.begin(), servers.end(), [&](const GitalyServer& server) {
        return server.address == *address && server.token == node.token;
      });
      if (same == servers.end()) same = servers.insert(same, {*address, node.token, {}});
      same->nodes.push_back({storage.name, node.storage});
    }
  }
  return servers;
}

const Step* Inspection::broken() const {
  const auto found = std::find_if(steps.begin(), steps.end(), [](const Step& step) {
    return step.outcome == Outcome::kBroken;
  });
  return found == steps.end() ? nullptr : &*found;
}

std::vector<Inspection> Inspect(const std::vector<GitalyServer>& servers,
                                const InspectionOptions& options,
                                const InspectionProgress& progress) {
  const Deadline deadline = Deadline::clock::now() + options.timeout;
  InspectionOptions completed = options;
  if (!completed.wall_clock) completed.wall_clock = SystemClock;
  std::vector<Inspection> inspections(servers.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < servers.size(); ++i) {
    threads.emplace_back(
        [&, i] { inspections[i] = Inspector(servers[i], completed, deadline, progress).Run(); });
  }
  for (std::thread& thread : threads) thread.join();
  JudgeSharedPlaces(inspections);
  for (const Inspection& inspection : inspections) {
    const Step* broken = inspection.broken();
    if (broken == nullptr || broken->layer != Layer::kSeparate) continue;
    progress(inspection.server, "ERROR: " + broken->message);
  }
  return inspections;
}

}  // namespace praefect::nodes
