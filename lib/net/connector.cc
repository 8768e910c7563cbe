#include "net/connector.h"

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <utility>

namespace praefect::net {

Connector::Connector(EventLoop& loop, Resolver& resolver, config::Address address,
                     int64_t timeout_ms, Callback callback,
                     std::shared_ptr<const TlsClientContext> tls)
    : loop_(loop),
      resolver_(resolver),
      address_(std::move(address)),
      timeout_ms_(timeout_ms),
      callback_(std::move(callback)),
      tls_(std::move(tls)),
      begin_(loop, [this] { Begin(); }),
      timeout_(loop, [this] { TimedOut(); }) {
  begin_.Start(0);
  timeout_.Start(timeout_ms);
}

void Connector::Begin() {
  if (auto literal = FromLiteral(address_); literal.ok()) {
    Resolved(std::vector{*literal});
  } else if (!absl::IsNotFound(literal.status())) {
    Finish(literal.status());
  } else {
    lookup_ = resolver_.Resolve(loop_, address_.host, static_cast<uint16_t>(address_.port),
                                [this](Resolver::Addresses found) { Resolved(std::move(found)); });
  }
}

void Connector::Resolved(Resolver::Addresses addresses) {
  if (!addresses.ok()) return Finish(addresses.status());
  race_ = std::make_unique<AddressRace>(
      loop_, *std::move(addresses), [this](absl::StatusOr<int> fd) { Connected(std::move(fd)); });
  race_->Start();
}

void Connector::Connected(absl::StatusOr<int> fd) {
  race_.reset();  // the other addresses are not tried any more
  if (!fd.ok()) return Finish(fd.status());
  if (address_.kind != config::Address::Kind::kTls) {
    const bool unix_path = address_.kind == config::Address::Kind::kUnix;
    return Finish(MakePlainTransport(*fd, unix_path ? "unix" : "tcp"));
  }
  if (tls_ == nullptr) {
    close(*fd);
    return Finish(absl::FailedPreconditionError("no trust store was read: see the log"));
  }
  handshake_ = std::make_unique<TlsHandshake>(
      loop_, TlsTransport::Connect(*fd, tls_, address_.host), timeout_ms_,
      [this](TlsHandshake::Result result) { Encrypted(std::move(result)); });
}

void Connector::Encrypted(TlsHandshake::Result result) {
  if (result.transport != nullptr) return Finish(std::move(result.transport));
  Finish(absl::FailedPreconditionError(result.error));
}

void Connector::TimedOut() {
  if (handshake_ == nullptr) {
    return Finish(
        absl::DeadlineExceededError(absl::StrCat("no connection within ", timeout_ms_, " ms")));
  }
  Finish(absl::FailedPreconditionError(absl::StrCat("no end of the TLS handshake within ",
                                                    timeout_ms_, " ms; is this a port with TLS?")));
}

void Connector::Finish(absl::StatusOr<std::unique_ptr<Transport>> result) {
  begin_.Stop();
  timeout_.Stop();
  lookup_.reset();
  race_.reset();
  handshake_.reset();
  const auto callback = std::move(callback_);
  callback(std::move(result));
}

}  // namespace praefect::net
