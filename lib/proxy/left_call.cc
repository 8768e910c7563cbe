#include "proxy/left_call.h"

#include <algorithm>
#include <utility>

#include "http2/grpc.h"

namespace praefect::proxy {

using datastore::End;
using http2::StatusCode;

class LeftCalls::LeftCall final : public http2::StreamListener {
 public:
  LeftCall(LeftCalls& all, http2::Stream& stream, std::shared_ptr<RecordedWrite> write,
           std::shared_ptr<const nodes::Snapshot> snapshot, const nodes::Node& node,
           bool request_ended)
      : all_(all),
        stream_(&stream),
        write_(std::move(write)),
        snapshot_(std::move(snapshot)),
        node_(node),
        request_ended_(request_ended),
        limit_(all.loop_, [this] {
          all_.metrics_.HitLimit("left_calls");
          Reset();
        }) {
    stream.SetListener(*this);
    if (!request_ended_) stream.SendEnd();
    limit_.Start(kLongestMs);
  }

  // Removes this.
  void Reset() {
    limit_.Stop();
    http2::Stream& stream = *std::exchange(stream_, nullptr);
    http2::Connection& connection = stream.connection();
    stream.Reset(http2::kCancel);
    RecordedWrite::FinishAfterReset(write_, connection, node_);
    all_.Remove(*this);
  }
  int64_t instance() const { return write_->record().instance; }

 private:
  void OnHeaders(http2::HeaderList headers, bool end) override {
    if (end) OnEnd(std::move(headers));
  }
  void OnData(http2::Slice data) override { stream_->Credit(data.size()); }
  void OnEnd(http2::HeaderList trailers) override {
    const bool ok = http2::ParseStatus(trailers.Get("grpc-status")) == StatusCode::kOk;
    if (ok) return write_->Settle([](datastore::Told) {});
    write_->Finish(End::kAnswered);
  }
  void OnDrained(size_t) override {}
  void OnClosed(const http2::StreamClosure& closure) override {
    limit_.Stop();
    stream_ = nullptr;
    write_->Finish(closure.connection_lost ? End::kLost : End::kAnswered);
    all_.Remove(*this);
  }

  LeftCalls& all_;
  http2::Stream* stream_;  // nullptr once it is closed
  const std::shared_ptr<RecordedWrite> write_;
  const std::shared_ptr<const nodes::Snapshot> snapshot_;  // keeps node_
  const nodes::Node& node_;
  const bool request_ended_;
  net::Timer limit_;
};

void LeftCalls::Add(http2::Stream& stream, std::shared_ptr<RecordedWrite> write,
                    std::shared_ptr<const nodes::Snapshot> snapshot, const nodes::Node& node,
                    bool request_ended) {
  calls_.push_back(std::make_shared<LeftCall>(*this, stream, std::move(write), std::move(snapshot),
                                              node, request_ended));
}

void LeftCalls::EndInstance(int64_t instance) {
  const auto calls = calls_;
  for (const auto& call : calls) {
    if (call->instance() == instance) call->Reset();
  }
}

void LeftCalls::EndAll() {
  const auto calls = calls_;
  for (const auto& call : calls) call->Reset();
}

// It is inside a callback of its own, and is destroyed after it.
void LeftCalls::Remove(LeftCall& call) {
  const auto found = std::find_if(calls_.begin(), calls_.end(),
                                  [&](const auto& owned) { return owned.get() == &call; });
  loop_.Post([owned = std::move(*found)] {});
  calls_.erase(found);
}

}  // namespace praefect::proxy
