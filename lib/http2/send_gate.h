#pragma once

namespace praefect::http2 {

// Whether bytes of a call that may change a replica may still be handed to the socket: a process
// that was frozen must not send what it decided before (see "The books" in ARCHITECTURE.md). Asked
// on the thread of the connection.
class SendGate {
 public:
  virtual ~SendGate() = default;
  // Asked immediately before the write that carries the stream's HEADERS. False: the stream closes
  // as never taken, and nothing of it leaves.
  virtual bool MayBegin() const = 0;
  // Asked immediately before every later write of the connection while bytes of the stream are
  // queued. False: the connection closes.
  virtual bool MayContinue() const = 0;
};

}  // namespace praefect::http2
