// What downloads that stall may cost, and whom.

#include <fmt/format.h>

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

constexpr double kMiB = 1 << 20;

using RawClients = std::vector<std::unique_ptr<RawClient>>;

// A node that answers everything with 1 MiB, and clients that take what they like of it.
struct Memory : Conformance {
  Memory() { options().keys = "prometheus_listen_addr = \"127.0.0.1:0\""; }

  void ServeLargeAnswers(const std::string& limits) {
    options().limits = limits;
    Serve(Answer({Pattern(1 << 20)}));
  }
  // `calls` downloads on one connection; each takes `window` bytes and no more.
  std::unique_ptr<RawClient> Download(int calls, uint32_t window) {
    auto client =
        std::make_unique<RawClient>(address(), RawClient::Settings{{kInitialWindowSize, window}});
    client->connection().set_gives_credit(false);
    client->connection().WindowUpdate(0, 1 << 30);
    for (int i = 0; i < calls; ++i) {
      client->connection().SendMessage(client->Open(kServerStream, Authorized()), Sent(), true);
    }
    return client;
  }
  double Gauge(const std::string& name) {
    const std::string page = praefect().MetricsPage();
    const size_t at = page.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(page.substr(at + name.size() + 2));
  }
  double Buffered() { return Gauge("gitaly_praefect_buffered_bytes"); }
  double Hits(const std::string& limit) {
    return Gauge(fmt::format("gitaly_praefect_limit_hits_total{{limit=\"{}\"}}", limit));
  }
  // The most that is held until it stays the same for a while, or `done`.
  double MostBuffered(const std::function<bool()>& done = [] { return false; }) {
    double most = 0, before = -1;
    int same = 0;
    Eventually([&] {
      const double now = Buffered();
      most = std::max(most, now);
      same = now == before ? same + 1 : 0;
      before = now;
      return done() || same > 20;
    });
    return most;
  }
  // All calls are over and nothing is held for them.
  void CheckNothingLeft() {
    CHECK(
        Eventually([&] { return Gauge("gitaly_praefect_open_calls") == 0 && Buffered() < kMiB; }));
  }
};

TEST_CASE_METHOD(Memory, "downloads that stall at their first byte hold little", "[praefect]") {
  ServeLargeAnswers("");
  RawClients stalled;
  for (int i = 0; i < 50; ++i) stalled.push_back(Download(2, 0));
  CHECK(Eventually([this] { return Hits("stream_buffers") == 100; }));
  const double most = MostBuffered();
  CHECK(most > 100 * 32 << 10);
  CHECK(most < 20 * kMiB);  // 400 of them: less than 80 MiB
  CHECK_OK(Call(kServerStream).Exchange({Sent()}));
  stalled.clear();
  CheckNothingLeft();
}

TEST_CASE_METHOD(Memory, "downloads that stall amid their answers stay below max_buffered_bytes",
                 "[praefect]") {
  ServeLargeAnswers("max_buffered_bytes = 41943040");
  RawClients stalled;
  for (int i = 0; i < 40; ++i) stalled.push_back(Download(2, 300'000));
  CHECK(MostBuffered() < 40 * kMiB);  // if all grew: 45
  CHECK(Hits("buffers") == 0);        // nobody was hurt
  CHECK_OK(Call(kServerStream).Exchange({Sent()}));
  stalled.clear();
  CheckNothingLeft();
}

TEST_CASE_METHOD(Memory, "more downloads than the buffers have room for end some of themselves",
                 "[praefect]") {
  ServeLargeAnswers("max_buffered_bytes = 4194304\nmax_buffered_bytes_per_connection = 4194304");
  auto keeps_up = Call(kBidi);
  auto stalled = Download(200, 0);
  CHECK(MostBuffered([this] { return Hits("buffers") + Hits("connection_buffers") > 0; }) <
        5.2 * kMiB);
  CHECK(MostBuffered() < 5.2 * kMiB);
  CHECK(Hits("buffers") + Hits("connection_buffers") > 0);
  stalled.reset();
  CheckNothingLeft();
  CHECK_OK(keeps_up.Exchange({Sent()}));
}

TEST_CASE_METHOD(Memory, "one connection's downloads fill its own buffers only", "[praefect]") {
  ServeLargeAnswers("max_buffered_bytes_per_connection = 2097152");
  auto stalled = Download(100, 0);
  CHECK(Eventually([this] { return Hits("connection_buffers") > 0; }));
  CHECK(MostBuffered() < 4 * kMiB);
  CHECK_OK(Call(kServerStream).Exchange({Sent()}));
  const uint32_t refused = stalled->Open(kServerStream, Authorized());
  CHECK(stalled->Answer(refused).grpc_status() == "8");
  stalled.reset();
  CheckNothingLeft();
}

TEST_CASE_METHOD(Memory, "headers of calls that wait are held too", "[praefect]") {
  ServeLargeAnswers("max_buffered_bytes = 1048576");
  RawClient client(address());
  const std::string value(50'000, 'v');
  for (int i = 0; i < 40; ++i) client.Open(kUnary, Authorized({{"large", value}}));
  CHECK(Eventually([this] { return Hits("buffers") > 0; }));
  CHECK(MostBuffered() > 0.7 * kMiB);
}

}  // namespace
}  // namespace praefect::test
