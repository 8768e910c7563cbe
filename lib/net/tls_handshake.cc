#include "net/tls_handshake.h"

#include <absl/strings/str_cat.h>

#include <utility>

namespace praefect::net {

TlsHandshake::TlsHandshake(EventLoop& loop, std::unique_ptr<TlsTransport> transport,
                           int64_t timeout_ms, Callback callback, RoundBudget* turns)
    : transport_(std::move(transport)),
      callback_(std::move(callback)),
      turns_(turns),
      watcher_(
          std::make_unique<Watcher>(loop, transport_->fd(), [this](bool, bool) { Advance(); })),
      timeout_(loop, [this, timeout_ms] {
        Finish("timeout", absl::StrCat("no TLS handshake within ", timeout_ms, " ms"));
      }) {
  watcher_->Want(true, !transport_->server());  // the client begins
  timeout_.Start(timeout_ms);
}

void TlsHandshake::Advance() {
  if (turns_ != nullptr && !turns_->Take()) return;  // the watcher calls again in the next round
  switch (transport_->Handshake()) {
    case TlsTransport::Step::kDone:
      return Finish(transport_->resumed() ? "resumed" : "ok", "");
    case TlsTransport::Step::kFailed:
      return Finish(transport_->failure().reason, transport_->failure().text);
    case TlsTransport::Step::kWantsRead:
      return watcher_->Want(true, false);
    case TlsTransport::Step::kWantsWrite:
      return watcher_->Want(false, true);
  }
}

void TlsHandshake::Finish(std::string_view outcome, std::string error) {
  watcher_.reset();
  timeout_.Stop();
  Result result{nullptr, outcome, std::move(error)};
  auto transport = std::move(transport_);
  if (result.error.empty()) result.transport = std::move(transport);
  transport.reset();  // closes the connection of one that failed
  auto callback = std::move(callback_);
  callback(std::move(result));
}

}  // namespace praefect::net
