#pragma once

// Whose turn it is to send on a connection: streams that have something to send, in circles.
// Streams that share a turn (those of one client, on the connection to a node) form one circle, and
// the circles take turns: a client with 1,000 streams gets as much as a client with one.

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <memory>

namespace praefect::http2 {

class Schedule;

// What is scheduled; a base of Stream.
struct Turn {
  const void* sharer = nullptr;  // those with the same one share a turn; constant while scheduled
  Schedule* schedule = nullptr;  // where it waits
  Turn* previous = nullptr;
  Turn* next = nullptr;
};

class Schedule {
 public:
  Schedule() = default;
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  bool empty() const { return current_ == nullptr; }
  size_t circles() const { return circles_.size(); }  // that are remembered
  // Behind those that share with it. Does nothing when it is there; leaves another schedule for it.
  void Add(Turn& turn);
  // From whatever schedule it is in, if any.
  static void Remove(Turn& turn);
  // Takes the next one out; nullptr when there is none. The next call looks at the next circle.
  Turn* Take();

 private:
  // All turns of one sharer, and its place among the sharers.
  struct Circle {
    const void* sharer;
    Turn* first = nullptr;
    Circle* previous = nullptr;
    Circle* next = nullptr;
  };
  static constexpr size_t kKeptCircles = 64;  // without a turn, at least
  Circle& Of(const void* sharer);
  void Cut(Circle& circle, Turn& turn);
  void Unlink(Circle& circle);

  absl::flat_hash_map<const void*, std::unique_ptr<Circle>> circles_;
  size_t most_circles_ = kKeptCircles;  // before those without a turn are forgotten
  Circle* last_used_ = nullptr;         // saves most look-ups
  Circle* current_ = nullptr;           // of those that are not empty
};

}  // namespace praefect::http2
