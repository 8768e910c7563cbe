#include "proxy/recorded_write.h"

#include <charconv>
#include <utility>

namespace praefect::proxy {
namespace {

// Before 13.2 a cancelled call could go on (truth model, 2.6). A version that is not known is old.
bool EndsWhenCancelled(std::string_view version) {
  int major = 0, minor = 0;
  const char* const end = version.data() + version.size();
  const auto parsed = std::from_chars(version.data(), end, major);
  if (parsed.ptr != end && *parsed.ptr == '.') std::from_chars(parsed.ptr + 1, end, minor);
  return major > 13 || (major == 13 && minor >= 2);
}

}  // namespace

bool RecordedWrite::MayBegin() const {
  const bool may = InTime();
  sent_ = sent_ || may;
  return may;
}

void RecordedWrite::Settle(std::function<void(datastore::Told)> done) {
  if (!std::exchange(ended_, true)) bookkeeper_.Settle(write_, std::move(done));
}

void RecordedWrite::Finish(datastore::End end) {
  if (!std::exchange(ended_, true)) bookkeeper_.Finish(write_, end);
}

// When the connection is lost instead, the last reference goes with it.
void RecordedWrite::FinishAfterReset(std::shared_ptr<RecordedWrite> write,
                                     http2::Connection& connection, const nodes::Node& node) {
  if (write->ended()) return;
  if (!write->sent_ || !EndsWhenCancelled(node.server_version)) return write->Abandon();
  connection.ConfirmResets(
      [write = std::move(write)] { write->Finish(datastore::End::kAnswered); });
}

}  // namespace praefect::proxy
