#pragma once

// One connection of a client, and the calls on it.

#include <string>
#include <string_view>

#include "relay/calls.h"
#include "relay/endpoint.h"

namespace praefect::bench {

class Client;

struct Call : EndpointStream {
  Client* client = nullptr;
  const Method* method = nullptr;
  Incoming in;
  size_t good_trailers = 0;
  bool ok = false;           // the status is OK; known once the call is over
  std::string status, text;  // of what went wrong
  int64_t due_ns = 0;        // when it was to begin
  bool open = false;
};

class CallObserver {
 public:
  virtual void OnMessages(Call&, uint64_t bytes) {}  // they were verified
  // It ended well; the status, the trailers and all bytes were verified. The call may be used anew.
  virtual void OnFinished(Call& call) = 0;
  // It did not. Ends the program unless it is expected.
  virtual void OnFailed(Call& call, const std::string& why);

 protected:
  ~CallObserver() = default;
};

struct Target {
  uint16_t port = 0;
  SSL_CTX* tls = nullptr;
  std::string storage;  // that requests name
  std::string secret;   // of their tokens
};

// Calls must outlive it, or be over.
class Client final : public Endpoint {
 public:
  // `fd` is connected to the target.
  Client(Poller& poller, int fd, const Target& target, const EndpointOptions& options,
         CallObserver& observer);

  // Begins `call` about one repository after another. `download_bytes`: of kDownload, a multiple of
  // kTransferBytes. Goes out with the next Flush.
  void Start(Call& call, const Method& method, uint64_t download_bytes = 0);

 private:
  void RefreshFields();
  EndpointStream* OnRequest() override { return nullptr; }
  void OnHeader(EndpointStream& stream, std::string_view name, std::string_view value) override;
  void OnData(EndpointStream& stream, const uint8_t* data, size_t size) override;
  void OnEnd(EndpointStream&) override {}
  void OnClosed(EndpointStream& stream, uint32_t error_code) override;
  void OnBroken() override;

  const Target& target_;
  CallObserver& observer_;
  std::vector<std::string> requests_;
  std::string download_request_;
  uint64_t download_bytes_ = 0;  // of download_request_
  uint64_t started_ = 0;         // calls
  int64_t authorized_at_ = 0;    // Unix seconds
  std::string authorization_, correlation_id_;
};

}  // namespace praefect::bench
