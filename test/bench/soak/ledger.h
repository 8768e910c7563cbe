#pragma once

// What was done and what came of it: every call is judged here, by the faults that were under way
// while it ran. The tables of what may happen are in traffic.cc (kinds) and faults.cc (faults).

#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace praefect::bench {

using Clock = std::chrono::steady_clock;
using Codes = std::vector<grpc::StatusCode>;

// "OK", "UNAVAILABLE", ...
std::string CodeName(grpc::StatusCode code);

// One call, or a few that belong together, as its caller saw it.
struct CallEnd {
  grpc::Status status;
  std::string wrong;  // what differs from what must have come; empty: nothing
};

// Thread-safe.
class Ledger {
 public:
  class Window;

  // A call of a kind, which may end with `allowed` or with what the faults allow that were under
  // way between `begin` and now.
  void Judge(const std::string& kind, const Codes& allowed, Clock::time_point begin,
             const CallEnd& end);
  // A fault begins; it is over a while after the window was closed.
  Window OpenWindow(const std::string& fault, const Codes& allowed);
  // Something else that must not be.
  void Fail(const std::string& what);

  uint64_t calls() const;
  // What went wrong; empty: nothing. The first ones, and how many more.
  std::vector<std::string> Failures() const;
  // Calls by kind and status, faults by kind.
  std::string Summary() const;

 private:
  struct Fault {
    Codes allowed;
    Clock::time_point begin;
    Clock::time_point end = Clock::time_point::max();
  };
  using Counts = std::map<std::string, std::map<std::string, uint64_t>>;
  void FailLocked(const std::string& what);

  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::list<Fault> faults_;
  Counts calls_;  // by kind and status
  std::map<std::string, uint64_t> fault_counts_;
  std::vector<std::string> failures_;
  uint64_t more_failures_ = 0;
};

// Belongs to one thread.
class Ledger::Window {
 public:
  Window(Ledger& ledger, Fault& fault) : ledger_(ledger), fault_(fault) {}
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  // Recovery was seen.
  ~Window();

 private:
  Ledger& ledger_;
  Fault& fault_;
};

}  // namespace praefect::bench
