#pragma once

// Breadth-first exploration of every state that a model can reach, so that the first violation
// found is also one of the shortest.

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace praefect::datastore {

// How a step is told; called only for the steps of a violation.
using Label = absl::FunctionRef<std::string()>;
// `optional`: a fault, or a client's choice; a state in which nothing else can happen is at its
// end.
template <class State>
using Emit = absl::FunctionRef<void(const State& next, bool optional, Label label)>;

struct Verdict {
  std::string broken;              // empty: all invariants hold in every state
  std::vector<std::string> story;  // the steps that lead to the violation
  size_t states = 0;
};

// States met so far, by their bytes, each with the one that it was reached from.
template <class State>
class Visited {
 public:
  static_assert(std::has_unique_object_representations_v<State>, "states are compared by bytes");
  static constexpr uint32_t kNoParent = UINT32_MAX;

  size_t size() const { return size_; }
  const State& at(size_t i) const { return chunks_[i / kChunk][i % kChunk].state; }
  uint32_t parent(size_t i) const { return chunks_[i / kChunk][i % kChunk].parent; }

  void Add(const State& state, uint32_t parent) {
    if (size_ * 2 >= table_.size()) Grow();
    uint32_t& slot = SlotOf(state);
    if (slot != 0) return;
    if (size_ % kChunk == 0) chunks_.emplace_back(new Entry[kChunk]);
    chunks_.back()[size_ % kChunk] = {state, parent};
    slot = static_cast<uint32_t>(++size_);
  }

 private:
  static constexpr size_t kChunk = 1 << 12;
  struct Entry {
    State state;
    uint32_t parent;
  };

  static uint64_t Hash(const State& state) {
    uint64_t words[(sizeof(State) + 7) / 8] = {};
    std::memcpy(words, &state, sizeof(State));
    uint64_t hash = 0x9e3779b97f4a7c15;
    for (const uint64_t word : words) {
      hash = (hash ^ word) * 0xff51afd7ed558ccd;
      hash ^= hash >> 32;
    }
    return hash;
  }

  // The state's slot, or the empty one in which it belongs.
  uint32_t& SlotOf(const State& state) {
    size_t i = Hash(state) & (table_.size() - 1);
    while (table_[i] != 0 && std::memcmp(&at(table_[i] - 1), &state, sizeof(State)) != 0) {
      i = (i + 1) & (table_.size() - 1);
    }
    return table_[i];
  }

  void Grow() {
    std::vector<uint32_t>(table_.size() * 2).swap(table_);
    for (size_t i = 0; i < size_; ++i) SlotOf(at(i)) = static_cast<uint32_t>(i + 1);
  }

  std::vector<std::unique_ptr<Entry[]>> chunks_;
  std::vector<uint32_t> table_ = std::vector<uint32_t>(1 << 16);  // index + 1; 0: empty
  size_t size_ = 0;
};

// A model has
//   using State                                        plain bytes without padding
//   std::vector<State> Start() const
//   void Steps(const State&, Emit<State>) const        every state that may follow, in any order
//   State Canonical(const State&) const                one of all states that differ in nothing
//   that counts const char* Broken(const State&) const             the invariant that the state
//   breaks, or nullptr const char* Unfinished(const State&) const         asked where no step is
//   left but optional ones
template <class Model>
class Explorer {
 public:
  using State = typename Model::State;

  explicit Explorer(const Model& model) : model_(model) {}

  Verdict Run() {
    for (const State& state : model_.Start()) {
      visited_.Add(model_.Canonical(state), Visited<State>::kNoParent);
    }
    for (uint32_t i = 0; i < visited_.size(); ++i) {
      if (const char* broken = Visit(i)) return {broken, StoryOf(i), visited_.size()};
    }
    return {"", {}, visited_.size()};
  }

 private:
  const char* Visit(uint32_t i) {
    const State state = visited_.at(i);
    if (const char* broken = model_.Broken(state)) return broken;
    bool at_end = true;
    model_.Steps(state, [&](const State& next, bool optional, Label) {
      at_end = at_end && optional;
      visited_.Add(model_.Canonical(next), i);
    });
    return at_end ? model_.Unfinished(state) : nullptr;
  }

  // Steps are told from the canonical state before them: names of nodes may change between lines.
  std::vector<std::string> StoryOf(uint32_t last) const {
    std::vector<std::string> story;
    for (uint32_t i = last; visited_.parent(i) != Visited<State>::kNoParent;
         i = visited_.parent(i)) {
      std::string told;
      model_.Steps(visited_.at(visited_.parent(i)), [&](const State& next, bool, Label label) {
        const State canonical = model_.Canonical(next);
        if (told.empty() && std::memcmp(&canonical, &visited_.at(i), sizeof(State)) == 0)
          told = label();
      });
      story.insert(story.begin(), told);
    }
    return story;
  }

  const Model& model_;
  Visited<State> visited_;
};

}  // namespace praefect::datastore
