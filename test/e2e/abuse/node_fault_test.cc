// A real node that is killed, frozen or restarted while calls are in every state that one can be
// in.

#include <catch2/catch.hpp>

#include "e2e/abuse/endings.h"
#include "e2e/abuse/site.h"
#include "integration/conformance/message.h"

namespace praefect::test {
namespace {

constexpr size_t kBlobBytes = 3 << 20;

// A call, brought to a state and left there.
struct Held {
  const char* state;
  std::unique_ptr<RawClient> client;
  uint32_t stream = 0;
  size_t bytes = 0;  // of DATA that came already
};

class FaultySite {
 public:
  FaultySite() {
    node_->Start();
    site_.emplace(std::vector<Site::OtherNode>{{"faulty", node_->address(), NodeToken()}});
    site_->Record("faulty");
    CHECK(Works());
    site_->TakeRest();
  }

  Site& site() { return *site_; }
  StorageNode& node() { return *node_; }
  bool Works() {
    return Eventually([&] { return site_->Call("faulty") == "status 0"; });
  }

  Held Open(const char* state, const char* method, uint32_t window = 65'535) {
    Held held{state, std::make_unique<RawClient>(
                         site_->address(), RawClient::Settings{{kInitialWindowSize, window}})};
    held.client->connection().set_gives_credit(false);
    held.stream = held.client->Open(method, site_->Authorized());
    return held;
  }
  void Send(Held& held, const std::string& message, bool end) {
    held.client->connection().SendMessage(held.stream, message, end);
  }
  // Until the node has begun so many calls of a method.
  void ReachesNode(const char* method, size_t calls) {
    CHECK(Eventually([&] { return node_->CallsOf(method) >= calls; }));
  }

  // One call in each state in which the node has a part in it.
  std::vector<Held> HoldCalls() {
    const size_t thinking = node_->CallsOf("RefExists"), uploads = node_->CallsOf("SSHUploadPack");
    node_->SetFaults("hang@RefExists");
    std::vector<Held> calls;
    Held& half_closed = calls.emplace_back(Open("half-closed, no answer", kRefExists));
    Send(half_closed, RequestFor("faulty"), true);
    Held& open = calls.emplace_back(Open("no answer", kRefExists));
    Send(open, RequestFor("faulty"), false);
    ReachesNode("RefExists", thinking + 2);

    Held& download = calls.emplace_back(Open("mid-download", kGetBlob));
    Send(download, BlobRequest(), true);
    AwaitData(download);
    Held& upload = calls.emplace_back(Open("mid-upload", kUploadPack));
    Send(upload, RequestFor("faulty"), false);
    AwaitData(upload);  // the references
    const std::string half(GrpcFrame(std::string(100'000, 'x')).substr(0, 50'000));
    upload.client->connection().SendData(upload.stream, half);
    ReachesNode("SSHUploadPack", uploads + 1);
    return calls;
  }

  static constexpr char kRefExists[] = "/gitaly.RefService/RefExists";

 private:
  std::string MakeBlob() {
    WriteFile(directory_ / "blob", Pattern(kBlobBytes));
    const Outcome made = Git({"--git-dir=" + node_->Folder(kRepository).string(), "hash-object",
                              "-w", (directory_ / "blob").string()});
    if (made.exit_status != 0) throw std::runtime_error(made.error);
    return made.output.substr(0, 40);
  }
  // GetBlobRequest{repository: 1, oid: 2, limit: 3}.
  std::string BlobRequest() const {
    return RequestFor("faulty") + BytesField(2, blob_) +
           "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  }
  void AwaitData(Held& held) {
    held.bytes += held.client->connection().Expect(FrameType::kData, held.stream).payload.size();
  }

  const TemporaryDirectory directory_;
  const std::unique_ptr<StorageNode> node_ = MakeNode("faulty", directory_.path());
  const std::string blob_ = MakeBlob();
  std::optional<Site> site_;
};

// What was held back by windows comes first; then the end.
std::string EndOf(Held& held) {
  held.client->connection().WindowUpdate(0, 64 << 20);
  held.client->connection().WindowUpdate(held.stream, 64 << 20);
  return EndOf(held.client->connection(), held.stream);
}

void CheckUnavailable(std::vector<Held>& calls) {
  for (Held& held : calls) {
    INFO(held.state);
    CHECK(EndOf(held) == "status 14");
  }
}

TEST_CASE("A node that is killed ends its calls, and only those that need it") {
  FaultySite faulty;
  std::vector<Held> calls = faulty.HoldCalls();
  Held waiting = faulty.Open("before the first message", kBranch);
  Held done = faulty.Open("after the node was done", kBranch, 0);
  faulty.Send(done, RequestFor("faulty"), true);
  CHECK(Eventually([&] {  // the stream to the node has ended
    return faulty.site().HoldingsNow().node_streams == static_cast<double>(calls.size());
  }));
  faulty.node().Crash();
  CheckUnavailable(calls);
  CHECK(EndOf(done) == "status 0");  // Praefect has had the whole answer
  faulty.Send(waiting, RequestFor("faulty"), true);
  CHECK(EndOf(waiting) == "status 14");
  calls.clear();
  done.client.reset(), waiting.client.reset();
  faulty.node().Start();
  CHECK(faulty.Works());
  faulty.site().CheckUnharmed();
}

TEST_CASE("A node that freezes is found out, whatever its calls are doing") {
  FaultySite faulty;
  std::vector<Held> calls = faulty.HoldCalls();
  faulty.node().Freeze();
  CheckUnavailable(calls);
  calls.clear();
  faulty.node().Thaw();
  CHECK(faulty.Works());
  faulty.site().CheckUnharmed();
}

TEST_CASE("A node that is restarted takes the calls that it had not begun") {
  FaultySite faulty;
  std::vector<Held> calls = faulty.HoldCalls();
  Held waiting = faulty.Open("before the first message", kBranch);
  faulty.node().Crash();
  faulty.node().Start();
  CheckUnavailable(calls);
  CHECK(faulty.Works());
  faulty.Send(waiting, RequestFor("faulty"), true);
  CHECK(EndOf(waiting) == "status 0");
  calls.clear();
  waiting.client.reset();
  faulty.site().CheckUnharmed();
}

}  // namespace
}  // namespace praefect::test
