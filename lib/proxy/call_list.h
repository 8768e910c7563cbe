#pragma once

// The calls of one worker that are under way, so that all can be ended together. Adding and
// removing one costs a few stores and no allocation. For one thread.

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
    virtual void EndForStop() = 0;  // must not remove another member

    CallList& list_;
    Member* previous_ = nullptr;
    Member* next_;
  };

  void EndAll() {
    for (Member* member = first_; member != nullptr;) {
      Member* next = member->next_;
      member->EndForStop();
      member = next;
    }
  }

 private:
  Member* first_ = nullptr;
};

}  // namespace praefect::proxy
