#pragma once

// The calls of one worker that are under way, so that all can be ended together, or looked at.
// Adding and removing one costs a few stores and no allocation. For one thread.

#include <chrono>
#include <cstdint>

namespace praefect::proxy {

class CallList {
 public:
  class Member {
   public:
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

   protected:
    explicit Member(CallList& list) : list_(list), next_(list.first_) {
      if (next_ != nullptr) next_->previous_ = this;
      list.first_ = this;
    }
    virtual ~Member() {
      (previous_ == nullptr ? list_.first_ : previous_->next_) = next_;
      if (next_ != nullptr) next_->previous_ = previous_;
    }

   private:
    friend class CallList;
    // None may remove another member.
    virtual void EndForStop() = 0;
    virtual void EndInstance(int64_t instance) = 0;  // if it was recorded as that one
    virtual void Look(std::chrono::steady_clock::time_point now) = 0;

    CallList& list_;
    Member* previous_ = nullptr;
    Member* next_;
  };

  void EndAll() {
    ForEach([](Member& member) { member.EndForStop(); });
  }
  void EndInstance(int64_t instance) {
    ForEach([instance](Member& member) { member.EndInstance(instance); });
  }
  void LookAtAll(std::chrono::steady_clock::time_point now) {
    ForEach([now](Member& member) { member.Look(now); });
  }

 private:
  template <class Action>
  void ForEach(Action action) {
    for (Member* member = first_; member != nullptr;) {
      Member* next = member->next_;
      action(*member);
      member = next;
    }
  }

  Member* first_ = nullptr;
};

}  // namespace praefect::proxy
