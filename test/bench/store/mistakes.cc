#include "mistakes.h"

namespace praefect::bench {
namespace {

constexpr char kLockOfChanges[] = "WHERE repository_id = $1 FOR UPDATE";
constexpr char kNoLock[] = "WHERE repository_id = $1";

}  // namespace

const std::vector<Mistake>& Mistakes() {
  static const std::vector<Mistake> mistakes = {
      {"settle-where",
       "the primary's row is matched by its generation in WHERE, not judged in SET",
       {{"s.storage = l.\"primary\"\n  RETURNING",
         "s.storage = l.\"primary\" AND s.generation = l.generation\n  RETURNING"}},
       {},
       {}},
      {"complete-split",
       "a job is read and completed without a lock between",
       {},
       {},
       {{kLockOfChanges, kNoLock}}},
      {"open-nolock",
       "opening a write locks nothing",
       {{"FOR SHARE OF r, s", ""}, {"FROM route\n", "FROM route, pg_sleep(0.01)\n"}},
       {},
       {}},
      {"dispatch-nolock",
       "starting a copy does not lock the repository's row",
       {},
       {{kLockOfChanges, kNoLock}},
       {}},
      {"no-term",
       "a settle acknowledges in any term, from any node",
       {{"AND a.term = l.term\n                  AND a.storage = l.\"primary\"", ""}},
       {},
       {}},
  };
  return mistakes;
}

const Mistake* FindMistake(std::string_view name) {
  for (const Mistake& mistake : Mistakes()) {
    if (mistake.name == name) return &mistake;
  }
  return nullptr;
}

}  // namespace praefect::bench
