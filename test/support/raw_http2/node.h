#pragma once

// A gRPC server by hand: it answers Praefect's own questions (health, token, whether a repository
// is there: it is) and the creation of a repository well, and everything else as its script says.

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/raw_http2/connection.h"

namespace praefect::test {

class RawNode;

// One stream as the script sees it. Its verbs throw when the peer does not do its part.
class RawStream {
 public:
  RawStream(RawConnection& connection, Frame headers, int connection_index);

  RawConnection& connection() { return connection_; }
  uint32_t id() const { return id_; }
  const Fields& request() const { return request_; }
  int connection_index() const { return connection_index_; }  // 0: the first with a call

  // The next whole message, its prefix taken off. `compressed` says what the prefix said.
  std::string ReadMessage(bool* compressed = nullptr);
  // Reads until the peer half-closed. What came is dropped.
  void ReadToHalfClose();
  // Waits for RST_STREAM; its code.
  uint32_t ReadReset();

  void SendHeaders(const Fields& extra = {});
  void SendMessage(std::string_view message) { connection_.SendMessage(id_, message); }
  void Reset(uint32_t code) { connection_.Reset(id_, code); }
  // Trailers after headers.
  void Finish(const Fields& extra = {{"grpc-status", "0"}});
  // Headers, one message, OK.
  void Answer(std::string_view message);

 private:
  Frame ReadData();

  RawConnection& connection_;
  const uint32_t id_;
  const Fields request_;
  const int connection_index_;
  bool half_closed_ = false;
  std::string buffer_;
};

// Runs one thread for each connection; the script runs on it, one stream after another.
class RawNode {
 public:
  using Script = std::function<void(RawStream&)>;
  using Settings = std::vector<std::pair<uint16_t, uint32_t>>;

  // `server_info`: its answer to ServerInfo, serialized.
  RawNode(const std::string& address, Script script, Settings settings = {},
          std::string server_info = "");
  ~RawNode();
  RawNode(const RawNode&) = delete;
  RawNode& operator=(const RawNode&) = delete;

  // From its next answer to ServerInfo on.
  void TellServerInfo(std::string server_info);
  // All connections that had a call, as when its process ends.
  void DropConnections();

  const std::string& address() const { return address_; }
  int calls() const { return calls_; }              // those for the script
  int connections() const { return connections_; }  // with at least one call
  // What went wrong inside scripts; a test checks that it is empty.
  std::vector<std::string> failures() const;

 private:
  struct Peer {
    explicit Peer(Socket socket) : connection(std::move(socket)) {}
    RawConnection connection;
    std::atomic<int> index{-1};
    std::thread thread;
  };

  std::string ServerInfo() const;
  void AcceptLoop();
  void Serve(Peer& peer);
  void ServeStream(Peer& peer, Frame headers);

  const Script script_;
  const Settings settings_;
  Socket listener_;
  const std::string address_;
  std::atomic<int> calls_{0};
  std::atomic<int> connections_{0};
  std::thread acceptor_;

  mutable std::mutex mutex_;
  bool stopping_ = false;              // guarded by mutex_
  std::string server_info_;            // guarded by mutex_
  std::list<Peer> peers_;              // guarded by mutex_; elements belong to their threads
  std::vector<std::string> failures_;  // guarded by mutex_
};

}  // namespace praefect::test
