#include "proxy/handshakes.h"

#include <utility>

namespace praefect::proxy {

Handshakes::Handshakes(net::EventLoop& loop, Metrics& metrics, observe::Logger& logger, Done done)
    : loop_(loop),
      metrics_(metrics),
      logger_(logger),
      done_(std::move(done)),
      turns_(loop, kStepsPerRound) {}

void Handshakes::Begin(int fd, std::string peer,
                       std::shared_ptr<const net::TlsServerContext> context,
                       std::chrono::milliseconds timeout) {
  auto pending = pending_.insert(pending_.end(), Pending{std::move(peer), nullptr});
  pending->handshake = std::make_unique<net::TlsHandshake>(
      loop_, net::TlsTransport::Accept(fd, std::move(context)), timeout.count(),
      [this, pending](net::TlsHandshake::Result result) { Finish(pending, std::move(result)); },
      &turns_);
}

void Handshakes::EndAll() {
  while (!pending_.empty()) {
    Finish(pending_.begin(), {nullptr, "closed_by_praefect", "Praefect is stopping"});
  }
}

void Handshakes::Finish(std::list<Pending>::iterator which, net::TlsHandshake::Result result) {
  metrics_.tls_handshakes.Add({{"result", std::string(result.outcome)}}).Increment();
  if (result.outcome == "timeout") metrics_.HitLimit("handshake");
  if (result.transport == nullptr) ReportFailure(which->peer, result);
  std::string peer = std::move(which->peer);
  pending_.erase(which);  // destroys the handshake
  done_(std::move(result.transport), std::move(peer));
}

void Handshakes::ReportFailure(std::string_view peer, const net::TlsHandshake::Result& result) {
  metrics_.closures.Add({{"reason", "tls_handshake"}}).Increment();
  logger_.Info("closed a client connection", {{"reason", "tls_handshake"},
                                              {"tls.result", result.outcome},
                                              {"peer.address", peer},
                                              {"error", std::string_view(result.error)}});
}

}  // namespace praefect::proxy
