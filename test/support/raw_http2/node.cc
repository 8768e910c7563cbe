#include "support/raw_http2/node.h"

#include <stdexcept>

namespace praefect::test {
namespace {

constexpr std::string_view kHealthCheck = "/grpc.health.v1.Health/Check";
constexpr std::string_view kServerInfo = "/gitaly.ServerService/ServerInfo";
constexpr std::string_view kExists = "/gitaly.RepositoryService/RepositoryExists";
constexpr std::string_view kCreate = "/gitaly.RepositoryService/CreateRepository";
// HealthCheckResponse{status: SERVING}, RepositoryExistsResponse{exists: true}
constexpr std::string_view kYes = "\x08\x01";

}  // namespace

RawStream::RawStream(RawConnection& connection, Frame headers, int connection_index)
    : connection_(connection),
      id_(headers.stream),
      request_(std::move(headers.fields)),
      connection_index_(connection_index),
      half_closed_(headers.end_stream()) {}

Frame RawStream::ReadData() {
  Frame frame = connection_.Expect(FrameType::kData, id_);
  half_closed_ = frame.end_stream();
  return frame;
}

std::string RawStream::ReadMessage(bool* compressed) {
  const auto whole = [this] {
    return buffer_.size() >= 5 && buffer_.size() >= 5 + ReadU32(buffer_, 1);
  };
  while (!whole()) {
    if (half_closed_) throw std::runtime_error("half-closed before the message ended");
    buffer_ += ReadData().payload;
  }
  if (compressed) *compressed = buffer_[0] != 0;
  const size_t size = ReadU32(buffer_, 1);
  std::string message = buffer_.substr(5, size);
  buffer_.erase(0, 5 + size);
  return message;
}

void RawStream::ReadToHalfClose() {
  while (!half_closed_) ReadData();
}

uint32_t RawStream::ReadReset() {
  return connection_.Expect(FrameType::kRstStream, id_).error_code();
}

void RawStream::SendHeaders(const Fields& extra) {
  Fields fields = {{":status", "200"}, {"content-type", "application/grpc"}};
  fields.insert(fields.end(), extra.begin(), extra.end());
  connection_.SendHeaders(id_, fields);
}

void RawStream::Finish(const Fields& extra) { connection_.SendHeaders(id_, extra, true); }

void RawStream::Answer(std::string_view message) {
  SendHeaders();
  SendMessage(message);
  Finish();
}

RawNode::RawNode(const std::string& address, Script script, Settings settings,
                 std::string server_info)
    : script_(std::move(script)),
      settings_(std::move(settings)),
      listener_(Listen(address)),
      address_(BoundAddress(listener_)),
      server_info_(std::move(server_info)) {
  acceptor_ = std::thread([this] { AcceptLoop(); });
}

RawNode::~RawNode() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  listener_.Shutdown();
  acceptor_.join();
  for (Peer& peer : peers_) peer.connection.Close();
  for (Peer& peer : peers_) peer.thread.join();
}

std::vector<std::string> RawNode::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

std::string RawNode::ServerInfo() const {
  const std::lock_guard lock(mutex_);
  return server_info_;
}

void RawNode::TellServerInfo(std::string server_info) {
  const std::lock_guard lock(mutex_);
  server_info_ = std::move(server_info);
}

void RawNode::DropConnections() {
  const std::lock_guard lock(mutex_);
  for (Peer& peer : peers_) {
    if (peer.index >= 0) peer.connection.Close();
  }
}

void RawNode::AcceptLoop() {
  for (;;) {
    Socket socket = Accept(listener_);
    const std::lock_guard lock(mutex_);
    if (stopping_ || socket.fd() < 0) return;
    Peer& peer = peers_.emplace_back(std::move(socket));
    peer.thread = std::thread([this, &peer] { Serve(peer); });
  }
}

void RawNode::Serve(Peer& peer) {
  try {
    if (!peer.connection.Skip(kClientPreface)) return peer.connection.Close();
    peer.connection.SendSettings(settings_);
    constexpr std::chrono::hours kForever{1};  // the destructor closes the connection
    while (auto frame = peer.connection.Next(kForever)) {
      if (frame->type == FrameType::kHeaders) ServeStream(peer, std::move(*frame));
    }
  } catch (const std::exception& error) {
    peer.connection.Close();
    const std::lock_guard lock(mutex_);
    if (!stopping_) failures_.emplace_back(error.what());
  }
  // The peer must see that nobody listens any more, also when it was it who began.
  peer.connection.Close();
}

void RawNode::ServeStream(Peer& peer, Frame headers) {
  const std::string path = FieldOf(headers.fields, ":path");
  const bool scripted =
      path != kHealthCheck && path != kServerInfo && path != kExists && path != kCreate;
  if (scripted && peer.index < 0) peer.index = connections_++;
  RawStream stream(peer.connection, std::move(headers), peer.index);
  if (path == kServerInfo) return stream.Answer(ServerInfo());
  if (!scripted) return stream.Answer(path == kCreate ? "" : kYes);
  ++calls_;
  script_(stream);
}

}  // namespace praefect::test
