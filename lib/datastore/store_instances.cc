// Processes: their beats, their burial, and what they know of the database's timeline.

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "datastore/events.h"
#include "datastore/instance_rows.h"
#include "datastore/steps.h"

namespace praefect::datastore {
namespace {

using db::Sql;

constexpr Sql kRegister(
    "INSERT INTO instances (name, boot_id, timeline) VALUES ($1, $2, nullif($3, 0)) RETURNING id");
constexpr Sql kCountBatches("INSERT INTO settled_batches (instance) VALUES ($1)");
constexpr Sql kRaiseBeat(
    "UPDATE instances SET beat = beat + 1, changed_at = clock_timestamp() "
    "WHERE id = $1 AND NOT buried",
    "UPDATE instances SET beat = beat + 1, changed_at = strftime('%Y-%m-%d %H:%M:%f', 'now') "
    "WHERE id = $1 AND NOT buried");
// A server that was just promoted tells its new timeline as the one that it recovers to, until its
// first checkpoint.
#define PRAEFECT_TIMELINE                                                         \
  "(SELECT CAST(greatest(c.timeline_id, r.min_recovery_end_timeline) AS bigint) " \
  "FROM pg_control_checkpoint() c, pg_control_recovery() r)"
constexpr Sql kTimeline("SELECT " PRAEFECT_TIMELINE, "SELECT 0");
constexpr Sql kBeats(
    "SELECT i.id, i.beat, t.timeline, i.timeline IS NOT DISTINCT FROM t.timeline "
    "FROM instances i, (SELECT " PRAEFECT_TIMELINE
    " AS timeline) t WHERE NOT i.buried ORDER BY i.id",
    "SELECT 1");
constexpr Sql kBeatsAlone("SELECT id, beat, 0, true FROM instances WHERE NOT buried ORDER BY id");
constexpr Sql kAllSettled(
    "SELECT NOT EXISTS (SELECT 1 FROM instances WHERE NOT buried "
    "AND timeline IS DISTINCT FROM " PRAEFECT_TIMELINE ")",
    "SELECT true");
#undef PRAEFECT_TIMELINE
constexpr Sql kMarkSettled("UPDATE instances SET timeline = nullif($2, 0) WHERE id = $1");
// Whoever still has something to settle under an id does so within a day.
#define PRAEFECT_DEAD(since)                                                 \
  "SELECT i.id FROM instances i WHERE i.buried AND i.changed_at < " since    \
  " AND NOT EXISTS (SELECT 1 FROM write_intents w WHERE w.instance = i.id) " \
  "AND NOT EXISTS (SELECT 1 FROM replication_jobs j WHERE j.instance = i.id)"
#define PRAEFECT_A_DAY_AGO "clock_timestamp() - interval '1 day'"
#define PRAEFECT_SQLITE_A_DAY_AGO "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 day')"
constexpr Sql kSweepBatches(
    "DELETE FROM settled_batches WHERE instance IN (" PRAEFECT_DEAD(PRAEFECT_A_DAY_AGO) ")",
    "DELETE FROM settled_batches WHERE instance IN (" PRAEFECT_DEAD(PRAEFECT_SQLITE_A_DAY_AGO) ")");
constexpr Sql kSweepInstances(
    "DELETE FROM instances WHERE id IN (" PRAEFECT_DEAD(PRAEFECT_A_DAY_AGO) ")",
    "DELETE FROM instances WHERE id IN (" PRAEFECT_DEAD(PRAEFECT_SQLITE_A_DAY_AGO) ")");
#undef PRAEFECT_SQLITE_A_DAY_AGO
#undef PRAEFECT_A_DAY_AGO
#undef PRAEFECT_DEAD
constexpr Sql kNotifyBeat("SELECT pg_notify('praefect_beats', CAST($1 AS text))", "SELECT 1");
constexpr Sql kBury("UPDATE instances SET buried = $3 WHERE id = $1 AND beat = $2 AND NOT buried");
constexpr Sql kLingerIntents("UPDATE write_intents SET lingering = $2 WHERE instance = $1");
constexpr Sql kLingerJobs(
    "UPDATE replication_jobs SET state = 'lingering' WHERE instance = $1 AND state = 'running'");

}  // namespace

db::Statement AllSettledStatement() { return {kAllSettled}; }

void Store::ReadTimeline(db::Deadline deadline, Callback<int64_t> done) {
  database_.Run({{{kTimeline}}, deadline, true},
                [this, done = std::move(done)](db::Outcome outcome) {
                  const bool told = outcome.ok();
                  if (!told && outcome.error->layer != db::Layer::kStatement) {
                    return done({std::move(outcome.error)});
                  }
                  const int64_t timeline = told ? outcome.results[0].Integer(0, 0) : 0;
                  heeds_timeline_ = timeline != 0;
                  done({std::nullopt, timeline});
                });
}

void Store::Register(std::string name, std::string boot_id, int64_t timeline, db::Deadline deadline,
                     Callback<int64_t> done) {
  RunSteps<int64_t>(
      database_, deadline, std::move(done),
      [name = std::move(name), boot_id = std::move(boot_id), timeline](
          db::OpenTransaction& open, int64_t& id) -> std::optional<db::Error> {
        const db::Outcome outcome = open.Execute({kRegister, {name, boot_id, timeline}});
        if (!outcome.ok()) return outcome.error;
        id = outcome.results[0].Integer(0, 0);
        return open.Execute({kCountBatches, {id}}).error;
      });
}

void Store::MarkSettled(int64_t instance, int64_t timeline, db::Deadline deadline,
                        Callback<bool> done) {
  database_.Run({{{kMarkSettled, {instance, timeline}}}, deadline},
                [done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  done({std::nullopt, outcome.results[0].affected() == 1});
                });
}

void Store::RaiseBeat(int64_t instance, int64_t mark, db::Deadline deadline,
                      Callback<std::vector<Beat>> done) {
  database_.Run({{{kRaiseBeat, {instance}},
                  {heeds_timeline_ ? kBeats : kBeatsAlone},
                  {kNotifyBeat, {fmt::format("{} {}", instance, mark)}}},
                 deadline},
                [done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  const db::Rows& rows = outcome.results[1];
                  std::vector<Beat> beats;
                  for (size_t i = 0; i < rows.size(); ++i) {
                    beats.push_back({rows.Integer(i, 0), rows.Integer(i, 1), rows.Integer(i, 2),
                                     rows.Boolean(i, 3)});
                  }
                  done({std::nullopt, std::move(beats)});
                });
}

void Store::SweepInstances(db::Deadline deadline, Callback<int64_t> done) {
  database_.Run({{{kSweepBatches}, {kSweepInstances}}, deadline},
                [done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  done({std::nullopt, static_cast<int64_t>(outcome.results[1].affected())});
                });
}

void Store::Bury(Beat seen, db::Deadline deadline, Callback<bool> done) {
  RunSteps<bool>(
      database_, deadline, std::move(done),
      [seen](db::OpenTransaction& open, bool& buried) -> std::optional<db::Error> {
        const db::Outcome outcome = open.Execute({kBury, {seen.instance, seen.count, true}});
        if (!outcome.ok()) return outcome.error;
        buried = outcome.results[0].affected() == 1;
        if (!buried) return std::nullopt;
        return open
            .Execute({{kLingerIntents, {seen.instance, true}},
                      {kLingerJobs, {seen.instance}},
                      BurialEvent(seen.instance)})
            .error;
      });
}

}  // namespace praefect::datastore
