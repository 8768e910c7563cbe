#include "proxy/disk_reading.h"

#include <absl/strings/str_cat.h>
#include <fmt/format.h>

#include <ctime>
#include <memory>
#include <utility>

#include "gitaly/server.pb.h"
#include "proxy/request.h"

namespace praefect::proxy {

DiskReading::DiskReading(net::EventLoop& loop, http2::Buffers& buffers, Upstream& upstream,
                         Done done, int64_t timeout_ms)
    : buffers_(buffers),
      upstream_(upstream),
      headers_(OwnRequest("/gitaly.ServerService/ServerInfo")),
      done_(std::move(done)),
      timeout_ms_(timeout_ms),
      timer_(loop, [this] {
        Finish(
            absl::UnavailableError(fmt::format("it did not tell its disk in {} ms", timeout_ms_)));
      }) {}

void DiskReading::Ask(const nodes::Node& node) {
  storage_ = node.storage;
  token_ = node.token;
  under_way_ = true;
  timer_.Start(timeout_ms_);
  // A share that owns nothing.
  std::shared_ptr<Upstream> upstream(std::shared_ptr<Upstream>(), &upstream_);
  call_.emplace(
      std::move(upstream), [this] { return MakeHeaders(); }, MakeMessage(buffers_.control, ""),
      [this](const SideCall::Outcome& outcome) { Finish(Read(outcome)); }, kMaxAnswerBytes);
  call_->Start();
}

// Of each attempt, on its connection.
http2::HeaderList DiskReading::MakeHeaders() {
  connection_ = upstream_.connections_made();
  NodeHeading& heading = upstream_.heading();
  return MakeNodeHeaders(headers_, heading.authority(),
                         heading.Authorization(token_, time(nullptr)), "",
                         std::chrono::milliseconds(timeout_ms_));
}

void DiskReading::Finish(const absl::StatusOr<std::string>& filesystem_id) {
  timer_.Stop();
  call_.reset();
  under_way_ = false;
  done_(filesystem_id);
}

absl::StatusOr<std::string> DiskReading::Read(const SideCall::Outcome& outcome) const {
  if (outcome.code != http2::StatusCode::kOk) {
    return absl::UnavailableError(absl::StrCat("its disk could not be read: ", outcome.message));
  }
  ::gitaly::ServerInfoResponse response;
  if (outcome.responses.size() != 1 || !response.ParseFromString(outcome.responses[0])) {
    return absl::UnavailableError("its disk could not be read: its answer is none of Gitaly's");
  }
  for (const auto& status : response.storage_statuses()) {
    if (status.storage_name() == storage_) return status.filesystem_id();
  }
  // An answer without any storage says nothing.
  if (response.storage_statuses().empty()) return std::string();
  return absl::DataLossError(fmt::format("it serves no storage \"{}\"", storage_));
}

}  // namespace praefect::proxy
