// Clients that want more than there is get equal parts of it, however many streams each has.

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <thread>

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

constexpr uint32_t kMuch = 1 << 30;

// A client that takes whatever comes, on a thread of its own.
class Taker {
 public:
  Taker(const std::string& address, const Fields& fields, const std::string& request, int streams)
      : client_(address, {{kInitialWindowSize, kMuch}}) {
    client_.connection().set_gives_credit(false);
    client_.connection().WindowUpdate(0, kMuch);
    for (int i = 0; i < streams; ++i) {
      client_.connection().SendMessage(client_.Open(kServerStream, fields), request, true);
    }
    thread_ = std::thread([this] { Take(); });
  }
  ~Taker() {
    client_.connection().Close();
    thread_.join();
  }
  size_t bytes() const { return bytes_; }

 private:
  void Take() {
    while (const auto frame = client_.connection().Next()) {
      if (frame->type == FrameType::kData) bytes_ += frame->payload.size();
    }
  }

  RawClient client_;
  std::atomic<size_t> bytes_{0};
  std::thread thread_;
};

// A node that sends without end on every stream, a frame on each in turn, as fast as windows allow.
class Source {
 public:
  explicit Source(RawStream& first) : connection_(first.connection()) {
    first.SendHeaders();
    Begin(first.id());
  }
  void Run() {
    while (!connection_.ended()) {
      const bool sends = credit_ >= static_cast<int64_t>(kMaxFramePayload) && !ready_.empty();
      if (sends) SendNext();
      for (auto wait = sends ? std::chrono::milliseconds::zero() : std::chrono::milliseconds(100);
           const auto frame = connection_.Next(wait); wait = std::chrono::milliseconds::zero()) {
        Take(*frame);
      }
    }
  }

 private:
  // What Praefect begins with: of a stream, and of the connection less what probes took.
  static constexpr int64_t kStreamWindow = 64 << 10, kConnectionWindow = 7 << 20;

  void Begin(uint32_t stream) {
    connection_.SendData(stream, {"\0\x7f\xff\xff\xff", 5});  // of one very long message
    streams_[stream] = kStreamWindow - 5;
    ready_.push_back(stream);
  }
  void SendNext() {
    static const std::string bytes(kMaxFramePayload, 'x');
    const uint32_t stream = ready_.front();
    ready_.pop_front();
    int64_t& credit = streams_[stream];
    const int64_t size = std::min<int64_t>(credit, kMaxFramePayload);
    connection_.SendData(stream, bytes.substr(0, static_cast<size_t>(size)));
    credit -= size;
    credit_ -= size;
    if (credit > 0) ready_.push_back(stream);
  }
  void Take(const Frame& frame) {
    if (frame.type == FrameType::kHeaders) {
      RawStream stream(connection_, frame, 0);
      if (FieldOf(frame.fields, ":path") == kHealthCheck) return stream.Answer("\x08\x01");
      stream.SendHeaders();
      Begin(frame.stream);
    } else if (frame.type == FrameType::kWindowUpdate && frame.stream == 0) {
      credit_ += ReadU32(frame.payload, 0);
    } else if (frame.type == FrameType::kWindowUpdate && streams_.contains(frame.stream)) {
      int64_t& credit = streams_[frame.stream];
      if (credit == 0) ready_.push_back(frame.stream);
      credit += ReadU32(frame.payload, 0);
    } else if (frame.type == FrameType::kRstStream) {
      streams_.erase(frame.stream);
      std::erase(ready_, frame.stream);
    }
  }

  RawConnection& connection_;
  std::map<uint32_t, int64_t> streams_;  // bytes that may be sent
  std::deque<uint32_t> ready_;           // those that may send some
  int64_t credit_ = kConnectionWindow;
};

TEST_CASE_METHOD(Conformance, "a client with many streams gets no more than one with a single one",
                 "[praefect]") {
  constexpr int kStreams = 1'000;
  constexpr size_t kWindowsAtFirst = size_t{kStreams} * (64 << 10);
  constexpr size_t kCounted = 64 << 20;
  options().keys = "workers = 1";
  ServeRaw([](RawStream& stream) { Source(stream).Run(); });
  const Taker many(address(), Authorized(), Sent(), kStreams);
  REQUIRE(Eventually([&] { return many.bytes() > kWindowsAtFirst; }));
  const Taker one(address(), Authorized(), Sent(), 1);
  REQUIRE(Eventually([&] { return one.bytes() > 0; }));
  const size_t many_before = many.bytes(), one_before = one.bytes();
  REQUIRE(Eventually([&] { return one.bytes() > one_before + kCounted; }));
  const double ratio = static_cast<double>(many.bytes() - many_before) /
                       static_cast<double>(one.bytes() - one_before);
  INFO("the client with many streams got " << ratio << " times as much");
  CHECK(ratio < 10);
}

}  // namespace
}  // namespace praefect::test
