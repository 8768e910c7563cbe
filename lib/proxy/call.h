#pragma once

// The life of one RPC: headers, authentication, first message, route, rewriting, relay, end.
//
// A call owns itself. It lives from the client's headers until the client's stream is closed, which
// is the last thing that happens to it, on one worker's thread.

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gitaly/method.h"
#include "http2/connection.h"
#include "http2/grpc.h"
#include "http2/pooled.h"
#include "net/event_loop.h"
#include "proxy/booking.h"
#include "proxy/call_list.h"
#include "proxy/clerk.h"
#include "proxy/client_account.h"
#include "proxy/counter_cache.h"
#include "proxy/first_message.h"
#include "proxy/pool_answer.h"
#include "proxy/promoter.h"
#include "proxy/request.h"
#include "proxy/side_call.h"
#include "proxy/under_maintenance.h"
#include "proxy/upstream.h"
#include "routing/route.h"

namespace praefect::proxy {

class Worker;

class Call final : private Upstream::Waiter, private CallList::Member, public http2::Pooled<Call> {
 public:
  // How often a call is sent in all, when nodes provably never take it.
  static constexpr int kMaxAttempts = 3;
  // The part by which a limit of buffers is exceeded when open calls are ended.
  static constexpr double kOverfull = 0.05;

  // `account` lives as long as the stream's connection.
  static void Begin(Worker& worker, ClientAccount& account, http2::Stream& stream,
                    http2::HeaderList headers, bool end, bool headers_too_large);

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  // The two streams speak to the call through these.
  struct ClientSide final : http2::StreamListener {
    explicit ClientSide(Call& c) : call(c) {}
    void OnHeaders(http2::HeaderList, bool) override {}
    void OnData(http2::Slice data) override { call.ClientData(std::move(data)); }
    void OnEnd(http2::HeaderList) override { call.ClientEnd(); }
    void OnDrained(size_t bytes) override { call.ClientDrained(bytes); }
    void OnClosed(const http2::StreamClosure& closure) override { call.ClientClosed(closure); }
    Call& call;
  };
  struct NodeSide final : http2::StreamListener {
    explicit NodeSide(Call& c) : call(c) {}
    void OnHeaders(http2::HeaderList h, bool end) override { call.NodeHeaders(std::move(h), end); }
    void OnData(http2::Slice data) override { call.NodeData(std::move(data)); }
    void OnEnd(http2::HeaderList trailers) override { call.NodeEnd(std::move(trailers)); }
    void OnDrained(size_t bytes) override { call.NodeDrained(bytes); }
    void OnClosed(const http2::StreamClosure& closure) override { call.NodeClosed(closure); }
    Call& call;
  };

  Call(Worker& worker, ClientAccount& account, http2::Stream& stream, http2::HeaderList headers);
  ~Call() override;

  // Steps, in order.
  void Start(bool end, bool headers_too_large);
  bool AcceptHeaders(bool headers_too_large);
  bool RefuseIfFull();
  static std::string_view FullBuffers(Worker& worker, const ClientAccount& account, double margin);
  void RefuseFull(std::string_view full);
  bool Authenticate();
  bool CountWatch();
  bool FindMethod();
  void FirstMessageComplete();
  void RouteBy(std::string_view message, bool has_message);
  void Take(std::variant<routing::Route, routing::Refusal> choice, std::string_view message,
            bool has_message);
  bool TakeRoute(routing::Route route, std::string_view message, bool has_message);
  void TidyOthers(std::string_view message);
  void LogSkipped(const nodes::Node& node);
  void Dispatch(const routing::Route& route);
  void SendToNode();

  // By the books (call_books.cc).
  void AskBooks(std::string_view message, bool has_message, const gitaly::RequestTarget& target);
  bool RouteKnownRead(std::string_view message, bool has_message,
                      const gitaly::RequestTarget& target);
  void FindRoutes();
  void FindRoute(size_t which, const gitaly::RepositoryRef& repository);
  void RouteFound(size_t which, datastore::Routed routed);
  void ChooseByBooks();
  bool IsRecorded(const datastore::Routed& target) const;
  // Whether it is about a namespace that is removed or renamed by the books.
  bool DecideNamespace(std::string_view message, const gitaly::RequestTarget& target);
  // Whether it asks for all repositories of a virtual storage, which the clerk lists.
  bool ListRepositories(const gitaly::RequestTarget& target);
  void BeginListing(std::deque<std::string> pieces);
  void SendListing();
  db::Deadline NameDeadline() const;
  void DecideName();
  Clerk::Done Decided();
  void NameDecided(Decision decision, std::shared_ptr<RecordedWrite> write);
  void SendCreation(Decision decision);
  void ReadElsewhere(const std::string& storage);
  const nodes::Node* FindStorage(const std::string& storage);
  void AnswerNotFound();
  // An answer that names an object pool (call_told_names.cc).
  void TakePool(const http2::Slice& data);
  bool AwaitsPoolName();
  void PoolNamed(const std::string& name);
  void SendPool();
  void AskPrimary(bool planned);
  void PrimaryDecided(Promoter::Answer answer);
  void OpenWrite();
  void WriteOpened(const datastore::Opened& opened, std::shared_ptr<RecordedWrite> write);
  void RouteAnew();
  bool OpensAgain();
  std::shared_ptr<const http2::SendGate> Gate() const;
  bool AwaitsSettlement();
  void WriteSettled(datastore::Told told);
  http2::Slice Hold(http2::Slice data);
  void EndClosedWrite(const http2::StreamClosure& closure, http2::Connection& connection);
  void EndDroppedWrite(http2::Connection* connection);
  void LeaveWrite();
  void EndInstance(int64_t instance) override;

  // What the two sides do.
  void ClientData(http2::Slice data);
  void ClientEnd();
  void ClientDrained(size_t bytes);
  void ClientClosed(const http2::StreamClosure& closure);
  void NodeHeaders(http2::HeaderList headers, bool end);
  void NodeData(http2::Slice data);
  void NodeEnd(http2::HeaderList trailers);
  void NodeDrained(size_t bytes);
  void NodeClosed(const http2::StreamClosure& closure);
  void OnConnected(http2::Connection& connection) override;
  void OnConnectFailed(const absl::Status& status) override;
  bool Resend(const http2::StreamClosure& closure);
  void SideCallDone(const nodes::Node& node, SideCall::Outcome outcome);

  // The end.
  void FinishFromNode(http2::HeaderList trailers, bool trailers_only);
  void ForwardEnd();
  void Refuse(routing::Refusal refusal);
  void RefuseHttp(std::string_view http_status, http2::StatusCode code, std::string message,
                  std::string_view reason);
  // OK with this one message, serialized.
  void AnswerMessage(std::string_view message);
  void SendOkHeaders();
  void SendOk();
  void Answer(http2::StatusCode code, std::string message, std::string_view http_status = "200");
  void Unreachable(const nodes::Node* node, std::string_view cause);
  void DropNode(uint32_t error_code);
  void DeadlineExceeded();
  void EndForStop() override;
  void Look(SteadyTime now) override;
  bool EndIfOverfull(size_t queued);
  void CountHeld(size_t bytes);
  void CountReleased(size_t bytes);
  void NoteNodeStatus(const http2::HeaderList& trailers);
  void NoteNodeFailed();
  void MaybeEnlarge(http2::Stream& from, uint64_t received, size_t queued);
  void Report();
  void Count(std::chrono::nanoseconds total);

  http2::HeaderList HeadersFor(Upstream& upstream, const nodes::Node* node) const;
  std::optional<std::chrono::milliseconds> TimeLeft() const;
  std::string NodeName(const nodes::Node* node) const;

  // Constant after Start.
  Worker& worker_;
  ClientAccount& account_;
  const uint32_t window_;  // the largest of either stream, bytes
  const http2::HeaderList request_;
  const size_t header_bytes_;  // of request_, as RFC 9113 counts them
  const RequestHeaders headers_;
  std::string correlation_id_;
  const gitaly::Method* method_ = nullptr;
  MethodCounters* counters_ = nullptr;
  bool local_ = false;          // answered by our own services
  bool watches_ = false;        // the health of Praefect, and is counted as such
  bool authenticated_ = false;  // with a token
  bool admitted_ = false;       // by Authenticate: what the client says of itself is believed
  const SteadyTime start_;
  const std::chrono::system_clock::time_point wall_start_;
  std::optional<std::chrono::milliseconds> timeout_;

  ClientSide client_side_{*this};
  NodeSide node_side_{*this};
  http2::Stream* client_;          // nullptr once it is closed; the call is over then
  http2::Stream* node_ = nullptr;  // nullptr before it is opened and after it is closed
  net::Timer deadline_;

  // The request's way.
  std::unique_ptr<FirstMessage> collecting_;         // nullptr once the first message is complete
  std::string virtual_storage_, relative_path_;      // as the client named them, for the log
  std::shared_ptr<const nodes::Snapshot> snapshot_;  // keeps the route's nodes
  routing::Route route_;
  std::shared_ptr<Upstream> upstream_;  // where the call goes
  bool waiting_ = false;                // for a connection
  http2::Slice first_;  // the rewritten first message, kept for as long as it may be re-sent
  size_t first_size_ = 0;
  size_t first_held_ = 0;      // bytes of the client's first message, until the node answers
  http2::SliceQueue pending_;  // what came after it while there is no node to send it to
  uint64_t node_drained_ = 0;  // bytes of this attempt that left for the node
  bool client_ended_ = false;
  int attempts_ = 0;

  // nullptr: the books are not asked, or have answered and record nothing.
  std::unique_ptr<Booking> booking_;

  UnderMaintenance::Mark tidies_;  // of maintenance: what the node tidies

  // The answer's way.
  bool answer_started_ = false;  // the node's headers went to the client
  bool node_done_ = false;       // the node has answered to the end
  bool answered_ = false;        // the client has been told the end
  http2::HeaderList end_;        // the node's trailers, until they are forwarded
  bool end_is_trailers_only_ = false;
  std::unique_ptr<PoolAnswer> pool_;  // until it is sent on
  std::vector<std::unique_ptr<SideCall>> side_calls_;
  size_t side_calls_open_ = 0;
  bool side_call_failed_ = false;

  // For the log.
  int64_t repository_id_ = 0, intent_ = 0;
  bool stale_route_ = false;
  std::chrono::nanoseconds settle_time_{-1};
  http2::StatusCode code_ = http2::StatusCode::kCanceled;  // if nobody says otherwise
  std::string error_;
  routing::Refusal refusal_;  // reason and hint only
  SteadyTime node_opened_, node_finished_;
  uint64_t request_bytes_ = 0, response_bytes_ = 0;
  http2::MessageCounter request_messages_, response_messages_;
  int64_t held_ = 0;       // bytes of account_.buffered_bytes that are this call's
  bool enlarged_ = false;  // a window of it
  uint64_t released_ = 0, released_at_look_ = 0;  // bytes that were held and passed on
  bool stalled_ = false;                          // one side has left its buffer full for some time
};

}  // namespace praefect::proxy
