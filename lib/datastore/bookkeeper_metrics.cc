#include "datastore/bookkeeper_metrics.h"

namespace praefect::datastore {

BookkeeperMetrics::BookkeeperMetrics(observe::Registry& registry)
    : BookkeeperMetrics(
          registry,
          registry.Counters("gitaly_praefect_intents_settled_total",
                            "Writes whose end was recorded, by what became of them."),
          registry.Counters("gitaly_praefect_intents_recovered_total",
                            "Writes and runs of dead instances that were settled here."),
          registry.Counters("gitaly_praefect_opens_refused_total",
                            "Writes that were not recorded, so that no node saw them."),
          registry.Counters("gitaly_praefect_beats_total",
                            "Beats of this process in the database.")) {}

BookkeeperMetrics::BookkeeperMetrics(observe::Registry& registry, observe::CounterFamily& settled,
                                     observe::CounterFamily& recovered,
                                     observe::CounterFamily& refused, observe::CounterFamily& beats)
    : opened(registry.Counter("gitaly_praefect_intents_opened_total",
                              "Writes that were recorded before they were sent.")),
      dropped(settled.Add({{"result", "never_sent"}})),
      acknowledged(settled.Add({{"result", "acknowledged"}})),
      not_kept(settled.Add({{"result", "not_kept"}})),
      gone(settled.Add({{"result", "gone"}})),
      unrecorded(registry.Counter("gitaly_praefect_settles_unrecorded_total",
                                  "Writes whose client was told that their end could not be "
                                  "recorded in time.")),
      recovered_writes(recovered.Add({{"kind", "write"}})),
      recovered_runs(recovered.Add({{"kind", "run"}})),
      routed_anew(refused.Add({{"reason", "route_anew"}})),
      unavailable(refused.Add({{"reason", "unavailable"}})),
      too_many_waiting(refused.Add({{"reason", "too_many_waiting"}})),
      beats(beats.Add({{"result", "ok"}})),
      failed_beats(beats.Add({{"result", "failed"}})),
      disowned(registry.Counter("gitaly_praefect_instance_disowned_total",
                                "How often this process started over as another instance.")),
      buried(registry.Counter("gitaly_praefect_instances_buried_total",
                              "Other instances that were declared dead here.")),
      events_swept(registry.Counter("gitaly_praefect_events_swept_total",
                                    "Rows of the table events that made room for newer ones.")),
      instances_swept(registry.Counter("gitaly_praefect_instances_swept_total",
                                       "Rows of processes that have been dead for a day.")),
      settled_again(registry.Counter(
          "gitaly_praefect_settled_again_total",
          "Repositories whose last write was settled again: the database may have lost it.")),
      forgotten(registry.Counter(
          "gitaly_praefect_settles_forgotten_total",
          "Repositories whose last write could not be settled again: too many were written to.")),
      open_writes(registry.Gauge("gitaly_praefect_intents_open",
                                 "Writes that this process recorded and has not settled.")),
      lingering(registry.Gauge("gitaly_praefect_lingering",
                               "Calls that wait until their node can no longer apply them.")),
      owed(registry.Gauge("gitaly_praefect_settles_owed",
                          "Ends of calls that the database has not taken yet.")),
      settle_delay(registry
                       .Histograms("gitaly_praefect_settle_delay_seconds",
                                   "From the end of a call to its record in the database.",
                                   {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5,
                                    10, 30, 60, 300})
                       .Add({})),
      cache_accesses_(
          registry.Counters("gitaly_praefect_uptodate_storages_cache_access_total",
                            "Looks for the route of a repository, by what was found in memory.")),
      stale_(registry.Counter("gitaly_praefect_stale_routes_total",
                              "Routes taken as they were known last, because the database did not "
                              "answer.")) {}

BookkeeperMetrics::Access& BookkeeperMetrics::AccessTo(const std::string& virtual_storage) {
  const observe::MutexLock lock(mutex_);
  if (const auto known = accesses_.find(virtual_storage); known != accesses_.end()) {
    return known->second;
  }
  const auto of = [&](const char* type) -> prometheus::Counter& {
    return cache_accesses_.Add({{"virtual_storage", virtual_storage}, {"type", type}});
  };
  return accesses_.emplace(virtual_storage, Access{of("hit"), of("miss"), of("populate")})
      .first->second;
}

void BookkeeperMetrics::CountFind(const std::string& virtual_storage, const Routed& routed) {
  if (routed.stale) stale_.Increment();
  Access& access = AccessTo(virtual_storage);
  (routed.cached ? access.hit : access.miss).Increment();
  if (!routed.cached && !routed.stale && routed.route != nullptr) access.populate.Increment();
}

}  // namespace praefect::datastore
