#pragma once

// The verbs of the suite: a raw client, a real data plane with a bookkeeper over the embedded
// store, and two nodes by hand. Node 0 is storage a, node 1 the storages b and c of "default".

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "datastore/bookkeeper.h"
#include "gitaly/method.h"
#include "integration/conformance/message.h"
#include "nodes/manager.h"
#include "observe/registry.h"
#include "proxy/server.h"
#include "proxy/under_maintenance.h"
#include "store_fixture.h"
#include "support/raw_http2/client.h"
#include "support/raw_http2/node.h"
#include "switched_database.h"

namespace praefect::test {

inline constexpr char kWriteRef[] = "/gitaly.RepositoryService/WriteRef";
inline constexpr char kPush[] = "/gitaly.SSHService/SSHReceivePack";  // a stream both ways
inline constexpr char kRefExists[] = "/gitaly.RefService/RefExists";
inline constexpr char kInfoRefs[] = "/gitaly.SmartHTTPService/InfoRefsReceivePack";
inline constexpr char kMergeBranch[] = "/gitaly.OperationService/UserMergeBranch";

// What the books show of a repository's writes since it was created.
struct Shown {
  int64_t generation = 0, acknowledged = 0;
  size_t open = 0, lingering = 0;
  friend bool operator==(const Shown&, const Shown&) = default;
};
std::ostream& operator<<(std::ostream& out, const Shown& shown);

struct WritesOptions {
  std::string node_version = "16.0.0";
  std::string node_disk;  // that all nodes tell, for each storage another one
  std::chrono::milliseconds settle_timeout{20'000};
  std::chrono::milliseconds beat{10};
};

class Writes : public datastore::StoreFixture {
 public:
  explicit Writes(const WritesOptions& options = {});
  ~Writes();

  // What a node does with the calls that it gets; until it is told, OK.
  void Script(int node, RawNode::Script script);
  // Which disk the node tells for its storages, from now on; empty: it cannot tell. None of them
  // is another storage's.
  void TellDisk(int node, const std::string& filesystem_id);
  // Until Praefect knows that storage a is on it.
  bool IsKnownToBeOn(const std::string& filesystem_id);
  RawNode& node(int which) { return *nodes_[static_cast<size_t>(which)]; }

  // A call by a client of its own for a repository of "default": message and end are sent.
  RawAnswer Call(const std::string& method, const std::string& path = "x.git");
  // One whose client sends no end, and is there to be asked.
  struct Client {
    explicit Client(const std::string& address) : raw(address) {}
    RawClient raw;
    uint32_t stream = 0;
  };
  Client& Begin(const std::string& method, const std::string& path = "x.git");

  Shown Books(int64_t id);
  // Until the books show this.
  bool BecomesShown(int64_t id, const Shown& shown);
  // The process stands still for so long, as far as it can tell by its clock.
  void Freeze(std::chrono::milliseconds time) { frozen_ += datastore::BootTime(time).count(); }
  // What stopping begins with.
  void EndCalls();

  std::optional<SwitchedDatabase> switched;
  std::unique_ptr<datastore::Bookkeeper> keeper;

 private:
  void StartServer();
  void StopServer();

  const WritesOptions options_;
  std::atomic<datastore::BootTime::rep> frozen_{0};
  std::mutex mutex_;
  std::array<RawNode::Script, 2> scripts_;  // guarded by mutex_
  std::vector<std::unique_ptr<RawNode>> nodes_;
  std::unique_ptr<const gitaly::MethodRegistry> methods_;
  observe::Registry registry_;
  proxy::LocalEndpoint local_;
  net::InheritedSockets inherited_{{}};
  std::optional<datastore::Store> store_;
  std::optional<nodes::Manager> manager_;
  http2::MemoryMeter memory_;
  net::Resolver resolver_;
  std::optional<proxy::NodeCalls> calls_;
  std::optional<proxy::NodeClient> client_;
  std::optional<datastore::UnknownContents> unknown_;
  std::optional<proxy::Clerk> clerk_;
  std::optional<proxy::Promoter> promoter_;
  proxy::UnderMaintenance marks_;
  std::optional<proxy::Caretaker> caretaker_;
  std::unique_ptr<proxy::Server> server_;
  std::string address_;
  std::deque<Client> clients_;
};

// Until `condition` holds; false when it does not within a minute.
bool Becomes(const std::function<bool()>& condition);

}  // namespace praefect::test
