#include "http2/schedule.h"

#include <algorithm>
#include <utility>

namespace praefect::http2 {
namespace {

// Puts `item` into the ring before `first`, which is its end; first may be nullptr.
template <typename Item>
void Link(Item& item, Item* first) {
  if (first == nullptr) {
    item.previous = item.next = &item;
    return;
  }
  item.next = first;
  item.previous = first->previous;
  item.previous->next = &item;
  first->previous = &item;
}

// Returns who came after it; nullptr when it was the only one.
template <typename Item>
Item* CutOut(Item& item) {
  Item* after = item.next == &item ? nullptr : item.next;
  item.previous->next = item.next;
  item.next->previous = item.previous;
  item.previous = item.next = nullptr;
  return after;
}

}  // namespace

Schedule::Circle& Schedule::Of(const void* sharer) {
  if (last_used_ != nullptr && last_used_->sharer == sharer) return *last_used_;
  if (circles_.size() >= most_circles_) {  // of sharers that may be gone
    absl::erase_if(circles_, [](const auto& entry) { return entry.second->first == nullptr; });
    most_circles_ = std::max(2 * circles_.size(), kKeptCircles);  // looked at seldom
    last_used_ = nullptr;
  }
  auto& circle = circles_[sharer];
  if (circle == nullptr) circle = std::make_unique<Circle>(Circle{sharer});
  last_used_ = circle.get();
  return *circle;
}

void Schedule::Add(Turn& turn) {
  if (turn.schedule == this) return;
  Remove(turn);
  Circle& circle = Of(turn.sharer);
  Link(turn, circle.first);
  turn.schedule = this;
  if (circle.first != nullptr) return;
  circle.first = &turn;
  Link(circle, current_);
  if (current_ == nullptr) current_ = &circle;
}

void Schedule::Remove(Turn& turn) {
  if (turn.schedule == nullptr) return;
  turn.schedule->Cut(turn.schedule->Of(turn.sharer), turn);
}

void Schedule::Cut(Circle& circle, Turn& turn) {
  turn.schedule = nullptr;
  Turn* after = CutOut(turn);
  if (circle.first == &turn) circle.first = after;
  if (circle.first == nullptr) Unlink(circle);
}

void Schedule::Unlink(Circle& circle) {
  Circle* after = CutOut(circle);
  if (current_ == &circle) current_ = after;
}

Turn* Schedule::Take() {
  if (current_ == nullptr) return nullptr;
  Circle& circle = *current_;
  Turn* turn = circle.first;
  current_ = circle.next;
  Cut(circle, *turn);
  return turn;
}

}  // namespace praefect::http2
