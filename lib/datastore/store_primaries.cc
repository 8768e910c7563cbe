// Which storages are designated, and which repositories have another primary.

#include <utility>

#include "datastore/steps.h"

namespace praefect::datastore {
namespace {

using db::Sql;
using db::Statement;

// One decision at a time: two that began together would not see each other's words.
constexpr Sql kLockDesignations("SELECT pg_advisory_xact_lock(1348563315, 0)", "SELECT 1");
constexpr Sql kDeclared(
    "SELECT d.instance, i.name, d.virtual_storage, d.storage FROM designations d "
    "JOIN instances i ON i.id = d.instance WHERE NOT i.buried ORDER BY 1, 3");
constexpr Sql kInForce("SELECT virtual_storage, storage FROM designated_primaries");
constexpr Sql kForgetDead(
    "DELETE FROM designations WHERE instance = $1 OR instance NOT IN "
    "(SELECT id FROM instances WHERE NOT buried)");
constexpr Sql kDeclare(
    "INSERT INTO designations (instance, virtual_storage, storage) "
    "SELECT $1, t.virtual_storage, t.storage FROM unnest($2, $3) AS t(virtual_storage, storage)",
    "INSERT INTO designations (instance, virtual_storage, storage) "
    "SELECT $1, v.value, s.value FROM json_each($2) v JOIN json_each($3) s ON s.key = v.key");
constexpr Sql kPutInForce(
    "INSERT INTO designated_primaries (virtual_storage, storage) VALUES ($1, $2) "
    "ON CONFLICT (virtual_storage) DO UPDATE SET storage = excluded.storage");

// Of so many repositories by id; which of them have another primary and could get one; where the
// next ones begin.
#define PRAEFECT_MISPLACED(among)                                                                 \
  "SELECT r.repository_id, EXISTS (SELECT 1 FROM storage_repositories s "                         \
  "WHERE s.repository_id = r.repository_id AND NOT s.suspect AND s.generation >= r.acknowledged " \
  "AND (s.storage = $2 OR r.\"primary\" IS NULL OR (s.storage <> r.\"primary\" AND NOT "          \
  "r.\"primary\" " among                                                                          \
  "))) FROM (SELECT * FROM repositories WHERE repository_id > $3 ORDER BY repository_id LIMIT "   \
  "$4) r WHERE r.virtual_storage = $1 AND r.state = 'live' AND (r.\"primary\" IS NULL OR "        \
  "r.\"primary\" <> $2) ORDER BY 1"
constexpr Sql kMisplaced(PRAEFECT_MISPLACED("= ANY ($5)"),
                         PRAEFECT_MISPLACED("IN (SELECT value FROM json_each($5))"));
#undef PRAEFECT_MISPLACED
constexpr Sql kLastOf(
    "SELECT coalesce(max(repository_id), 0) FROM (SELECT repository_id FROM repositories "
    "WHERE repository_id > $1 ORDER BY repository_id LIMIT $2) r");

Declarations ParseDeclarations(const db::Rows& declared, const db::Rows& in_force) {
  Declarations declarations;
  for (size_t i = 0; i < declared.size(); ++i) {
    const int64_t instance = declared.Integer(i, 0);
    auto& instances = declarations.instances;
    if (instances.empty() || instances.back().instance != instance) {
      instances.push_back({instance, declared.Text(i, 1), {}});
    }
    instances.back().designated[declared.Text(i, 2)] = declared.Text(i, 3);
  }
  for (size_t i = 0; i < in_force.size(); ++i) {
    declarations.in_force[in_force.Text(i, 0)] = in_force.Text(i, 1);
  }
  return declarations;
}

std::vector<Statement> DeclareStatements(int64_t instance, const Designations& designated) {
  db::Texts virtual_storages, storages;
  for (const auto& [virtual_storage, storage] : designated) {
    virtual_storages.push_back(virtual_storage);
    storages.push_back(storage);
  }
  return {{kLockDesignations},
          {kForgetDead, {instance}},
          {kDeclare, {instance, std::move(virtual_storages), std::move(storages)}},
          {kDeclared},
          {kInForce}};
}

}  // namespace

void Store::Declare(int64_t instance, Designations designated, db::Deadline deadline,
                    Callback<Declarations> done) {
  RunSteps<Declarations>(
      database_, deadline, std::move(done),
      [instance, designated = std::move(designated)](
          db::OpenTransaction& open, Declarations& decided) -> std::optional<db::Error> {
        const db::Outcome asked = open.Execute(DeclareStatements(instance, designated));
        if (!asked.ok()) return asked.error;
        decided = ParseDeclarations(asked.results[3], asked.results[4]);
        const Designations in_force = Decide(decided);
        std::vector<Statement> statements;
        for (const auto& [virtual_storage, storage] : in_force) {
          const auto was = decided.in_force.find(virtual_storage);
          if (was != decided.in_force.end() && was->second == storage) continue;
          statements.push_back({kPutInForce, {virtual_storage, storage}});
        }
        decided.in_force = in_force;
        if (statements.empty()) return std::nullopt;
        return open.Execute(statements).error;
      });
}

void Store::Declared(db::Deadline deadline, Callback<Declarations> done) {
  database_.Run({{{kDeclared}, {kInForce}}, deadline, true},
                [done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  done({std::nullopt, ParseDeclarations(outcome.results[0], outcome.results[1])});
                });
}

void Store::FindMisplaced(std::string virtual_storage, std::string designated,
                          std::vector<std::string> healthy, int64_t after, int limit,
                          db::Deadline deadline, Callback<Misplaced> done) {
  db::Texts among(healthy.begin(), healthy.end());
  database_.Run({{{kMisplaced,
                   {std::move(virtual_storage), std::move(designated), after, int64_t{limit},
                    std::move(among)}},
                  {kLastOf, {after, int64_t{limit}}}},
                 deadline,
                 true},
                [done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  Misplaced misplaced;
                  const db::Rows& rows = outcome.results[0];
                  for (size_t i = 0; i < rows.size(); ++i) {
                    if (rows.Boolean(i, 1)) {
                      misplaced.movable.push_back(rows.Integer(i, 0));
                    } else {
                      ++misplaced.waiting;
                    }
                  }
                  misplaced.last = outcome.results[1].Integer(0, 0);
                  done({std::nullopt, std::move(misplaced)});
                });
}

}  // namespace praefect::datastore
