#include "grpc_call.h"

#include <thread>
#include <vector>

namespace praefect::minigitaly {

// Actions run under the mutex of the call, so that a watch that has gone is not called any more.
class GrpcCall::Watch : public CancelWatch {
 public:
  Watch(GrpcCall& call, std::function<void()> action) : call_(call), action_(std::move(action)) {
    std::lock_guard lock(call_.mutex_);
    place_ = call_.watches_.insert(call_.watches_.end(), this);
    if (call_.cancelled_) action_();
  }
  ~Watch() override {
    std::lock_guard lock(call_.mutex_);
    call_.watches_.erase(place_);
  }
  void Fire() { action_(); }

 private:
  GrpcCall& call_;
  const std::function<void()> action_;
  std::list<Watch*>::iterator place_;
};

grpc::ServerGenericBidiReactor* GrpcCall::Launch(grpc::GenericCallbackServerContext* context,
                                                 std::function<absl::Status(GrpcCall&)> handler,
                                                 std::function<void()> ended) {
  auto call = std::shared_ptr<GrpcCall>(new GrpcCall(context, std::move(ended)));
  call->self_ = call;
  std::thread([call, handler = std::move(handler)] { call->Answer(handler(*call)); }).detach();
  return call.get();
}

GrpcCall::GrpcCall(grpc::GenericCallbackServerContext* context, std::function<void()> ended)
    : context_(context), method_(context->method()), ended_(std::move(ended)) {}

GrpcCall::~GrpcCall() { ended_(); }

std::optional<std::string> GrpcCall::Metadata(std::string_view key) const {
  const auto& metadata = context_->client_metadata();
  const auto found = metadata.find(grpc::string_ref(key.data(), key.size()));
  if (found == metadata.end()) return std::nullopt;
  return std::string(found->second.data(), found->second.size());
}

std::map<std::string, std::string> GrpcCall::AllMetadata() const {
  std::map<std::string, std::string> all;
  for (const auto& [key, value] : context_->client_metadata()) {
    all.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  }
  return all;
}

std::optional<std::chrono::milliseconds> GrpcCall::Deadline() const {
  const auto deadline = context_->deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(deadline -
                                                               std::chrono::system_clock::now());
}

const std::string* GrpcCall::Peek() {
  std::string message;
  if (!peeked_ && ReadFromWire(&message)) peeked_ = std::move(message);
  return peeked_ ? &*peeked_ : nullptr;
}

bool GrpcCall::Read(std::string* message) {
  if (!peeked_) return ReadFromWire(message);
  *message = *std::move(peeked_);
  peeked_.reset();
  return true;
}

bool GrpcCall::ReadFromWire(std::string* message) {
  std::unique_lock lock(mutex_);
  if (stop_reading_ || (reading_ == Wire::kDone && !read_ok_)) return false;
  reading_ = Wire::kBusy;
  lock.unlock();
  StartRead(&read_buffer_);
  lock.lock();
  changed_.wait(lock, [this] { return stop_reading_ || reading_ == Wire::kDone; });
  if (reading_ != Wire::kDone || !read_ok_) return false;
  std::vector<grpc::Slice> slices;
  if (!read_buffer_.Dump(&slices).ok()) return false;
  message->clear();
  for (const grpc::Slice& slice : slices) {
    message->append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return true;
}

void GrpcCall::StopReading() {
  std::lock_guard lock(mutex_);
  stop_reading_ = true;
  changed_.notify_all();
}

bool GrpcCall::Write(std::string_view message) {
  std::lock_guard one_write(write_mutex_);
  const grpc::Slice slice(message.data(), message.size());
  write_buffer_ = grpc::ByteBuffer(&slice, 1);
  {
    std::lock_guard lock(mutex_);
    writing_ = Wire::kBusy;
  }
  StartWrite(&write_buffer_);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return writing_ == Wire::kDone; });
  return write_ok_;
}

bool GrpcCall::cancelled() const {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

bool GrpcCall::WaitUntilCancelled(std::optional<std::chrono::milliseconds> longest) {
  std::unique_lock lock(mutex_);
  const auto gone = [this] { return cancelled_; };
  if (longest) return changed_.wait_for(lock, *longest, gone);
  changed_.wait(lock, gone);
  return true;
}

std::unique_ptr<CancelWatch> GrpcCall::WhenCancelled(std::function<void()> action) {
  return std::make_unique<Watch>(*this, std::move(action));
}

void GrpcCall::Answer(const absl::Status& status) {
  const auto code = static_cast<grpc::StatusCode>(status.raw_code());
  const std::string message(status.message());
  Finish(grpc::Status(code, message));
}

void GrpcCall::OnReadDone(bool ok) {
  std::lock_guard lock(mutex_);
  read_ok_ = ok;
  reading_ = Wire::kDone;
  changed_.notify_all();
}

void GrpcCall::OnWriteDone(bool ok) {
  std::lock_guard lock(mutex_);
  write_ok_ = ok;
  writing_ = Wire::kDone;
  changed_.notify_all();
}

void GrpcCall::OnCancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  for (Watch* watch : watches_) watch->Fire();
  changed_.notify_all();
}

void GrpcCall::OnDone() {
  // The handler's thread may still be on its way out of Finish; the last owner destroys.
  const std::shared_ptr<GrpcCall> last = std::move(self_);
}

}  // namespace praefect::minigitaly
