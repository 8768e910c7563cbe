#pragma once

// TLS on a socket of a raw peer.

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

struct ssl_st;

namespace praefect::test {

// PEM files.
struct TlsFiles {
  std::string chain, key;  // what servers show
  std::string roots;       // what clients trust
};
// Once, before the first socket at tls://.
void UseTlsFiles(const TlsFiles& files);
const TlsFiles& tls_files();

// The handshake happens in the course of the first Write or Read. Reading and writing may happen at
// the same time, on two threads.
class TlsLayer {
 public:
  enum class Side { kServer, kClient };
  // `fd` becomes non-blocking, and stays the caller's.
  TlsLayer(int fd, Side side);
  ~TlsLayer();
  TlsLayer(const TlsLayer&) = delete;
  TlsLayer& operator=(const TlsLayer&) = delete;

  bool WriteAll(std::string_view bytes);
  enum class Input { kBytes, kEnd, kTimeout };
  Input ReadSome(std::string& out, std::chrono::milliseconds timeout);

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  bool WaitAfter(int result, Deadline deadline);

  const int fd_;
  std::mutex mutex_;
  ssl_st* ssl_;  // guarded by mutex_
};

}  // namespace praefect::test
