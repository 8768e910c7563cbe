#pragma once

// One RPC in progress, as a handler sees it: blocking reads and writes of serialized messages. A
// handler runs on a thread of its own.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace praefect::minigitaly {

// While it exists, its function is called when the caller has gone. Once the destructor returns,
// the function neither runs nor will run.
class CancelWatch {
 public:
  virtual ~CancelWatch() = default;
};

class Call {
 public:
  virtual ~Call() = default;

  // "/gitaly.RefService/RefExists"
  virtual const std::string& method() const = 0;
  // The first value of a metadata key.
  virtual std::optional<std::string> Metadata(std::string_view key) const = 0;

  // False when the caller sends no more. One reader at a time.
  virtual bool Read(std::string* message) = 0;
  // Ends a Read that waits, now and for good; another thread may call it.
  virtual void StopReading() = 0;
  // False when nobody receives any more. Any thread.
  virtual bool Write(std::string_view message) = 0;

  // The one message of a unary answer.
  virtual void WriteAnswer(std::string_view message) { Write(message); }

  // The caller has gone: cancelled, deadline over or connection lost.
  virtual bool cancelled() const = 0;
  // Waits until the caller has gone, at most `longest` (forever without). True when it has gone.
  virtual bool WaitUntilCancelled(std::optional<std::chrono::milliseconds> longest) = 0;
  // Calls `action` from another thread, at once when the caller has already gone.
  [[nodiscard]] virtual std::unique_ptr<CancelWatch> WhenCancelled(
      std::function<void()> action) = 0;

  // Handlers call it when all of the request is read, right before they change anything.
  virtual void BeforeChange() {}
  // BeforeChange would block: who lets git do the change must hold git in a hook.
  virtual bool holds_changes() const { return false; }
  // How long a copy waits between updating references and pruning them.
  virtual std::chrono::milliseconds prune_delay() const { return std::chrono::milliseconds(0); }
  // A new copy is like a tar that was read while its source was packed.
  virtual bool tears_copy() const { return false; }
};

}  // namespace praefect::minigitaly
