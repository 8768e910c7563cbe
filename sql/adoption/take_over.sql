-- The books from what the Go Praefect knew. Its replica is consistent when it is at the repository's
-- generation, as ours is current; what nobody knows (proof by checksums) is not claimed.

-- Ids go on from theirs: under the name of each that was ever given there may be a directory.
DO $$
DECLARE
  last_id bigint;
BEGIN
  EXECUTE format('SELECT last_value FROM %s',
                 pg_get_serial_sequence('go_praefect.repositories', 'repository_id')) INTO last_id;
  PERFORM setval(pg_get_serial_sequence('repositories', 'repository_id'),
                 greatest(last_id, (SELECT max(repository_id) FROM go_praefect.repositories)));
END $$;

-- A repository without a generation was only ever elected a primary for. A path of @cluster/ is of one
-- id for ever; another one that differs from the name was the name of this repository once.
INSERT INTO repositories (repository_id, virtual_storage, relative_path, replica_path, "primary",
                          generation, acknowledged, renamed)
SELECT repository_id, virtual_storage, relative_path, path, nullif("primary", ''), latest, latest,
       path <> relative_path AND left(path, 9) <> '@cluster/'
FROM (SELECT r.*, coalesce(r.replica_path, r.relative_path) AS path,
             greatest(r.generation, s.highest, 0) AS latest
      FROM go_praefect.repositories r
      LEFT JOIN (SELECT repository_id, max(generation) AS highest
                 FROM go_praefect.storage_repositories GROUP BY repository_id) s
        ON s.repository_id = r.repository_id) r;

INSERT INTO repository_assignments (repository_id, storage)
SELECT repository_id, storage FROM go_praefect.repository_assignments;

-- Jobs of old releases lack the id, or the replica path.
CREATE TABLE go_praefect.unfinished AS
SELECT q.id, q.state = 'in_progress' AS running, j.change, j.storage, j.virtual_storage,
       coalesce(r.repository_id, n.repository_id) AS repository_id, j.repository_id AS named_id,
       coalesce(j.replica_path, r.replica_path, j.relative_path) AS replica_path
FROM go_praefect.replication_queue q
CROSS JOIN LATERAL (
  SELECT q.job->>'change' AS change, q.job->>'target_node_storage' AS storage,
         q.job->>'virtual_storage' AS virtual_storage, q.job->>'relative_path' AS relative_path,
         nullif(q.job->>'replica_path', '') AS replica_path,
         nullif(q.job->>'repository_id', '0')::bigint AS repository_id) j
LEFT JOIN go_praefect.repositories r
  ON r.repository_id = j.repository_id AND r.virtual_storage = j.virtual_storage
LEFT JOIN go_praefect.repositories n
  ON j.repository_id IS NULL AND n.virtual_storage = j.virtual_storage
     AND n.relative_path = j.relative_path
WHERE q.state IN ('ready', 'in_progress', 'failed');

-- What shall be deleted, by the place where it lies: whose name that is now counts, not whose it was.
CREATE TABLE go_praefect.deletes AS
SELECT max(u.id) AS id, bool_or(u.running) AS running, u.virtual_storage, u.replica_path, u.storage,
       r.repository_id,
       bool_and(r.repository_id <> u.named_id) IS TRUE AS anothers
FROM go_praefect.unfinished u
LEFT JOIN repositories r
  ON r.virtual_storage = u.virtual_storage AND r.replica_path = u.replica_path COLLATE "C"
WHERE u.change IN ('delete', 'delete_replica')
GROUP BY u.virtual_storage, u.replica_path, u.storage, r.repository_id;

-- Not where another repository lies now, and not the last replica that holds what it holds.
WITH refused AS (
  DELETE FROM go_praefect.deletes d
  WHERE d.repository_id IS NOT NULL AND (d.anothers OR NOT d.running AND EXISTS (
    SELECT 1 FROM go_praefect.storage_repositories s
    WHERE s.repository_id = d.repository_id AND s.storage = d.storage AND NOT EXISTS (
      SELECT 1 FROM go_praefect.storage_repositories o
      WHERE o.repository_id = s.repository_id AND o.storage <> s.storage
        AND o.generation >= s.generation AND NOT EXISTS (
          SELECT 1 FROM go_praefect.deletes e
          WHERE e.repository_id = o.repository_id AND e.storage = o.storage))))
  RETURNING d.*)
INSERT INTO events (kind, repository_id, virtual_storage, path, storage, detail)
SELECT 'delete_dropped', repository_id, virtual_storage, replica_path, storage,
       'a delete that the Go Praefect had queued is not done: '
       || CASE WHEN anothers THEN 'another repository lies there now'
          ELSE 'no other replica holds as much' END
FROM refused;

-- The others without a row are of repositories that were removed.
WITH removed AS (
  INSERT INTO repositories (virtual_storage, replica_path, state)
  SELECT DISTINCT virtual_storage, replica_path, 'removing'
  FROM go_praefect.deletes WHERE repository_id IS NULL
  RETURNING repository_id, virtual_storage, replica_path)
UPDATE go_praefect.deletes d SET repository_id = removed.repository_id
FROM removed
WHERE d.repository_id IS NULL AND d.virtual_storage = removed.virtual_storage
  AND d.replica_path = removed.replica_path COLLATE "C";

-- What is to be deleted is claimed by nobody. The target of a copy gets its row: the Go Praefect would
-- have overwritten, and may have begun to write, what lies there.
INSERT INTO storage_repositories (repository_id, storage, generation)
SELECT repository_id, storage, max(generation)
FROM (SELECT s.repository_id, s.storage,
             CASE WHEN d.storage IS NULL THEN s.generation ELSE -1 END AS generation
      FROM go_praefect.storage_repositories s
      LEFT JOIN go_praefect.deletes d
        ON d.repository_id = s.repository_id AND d.storage = s.storage
      UNION ALL
      SELECT repository_id, storage, -1 FROM go_praefect.deletes
      UNION ALL
      SELECT repository_id, storage, -1 FROM go_praefect.unfinished
      WHERE change = 'update' AND repository_id IS NOT NULL) replicas
GROUP BY repository_id, storage;

UPDATE repositories r SET "primary" = NULL
FROM go_praefect.deletes d
WHERE d.repository_id = r.repository_id AND d.storage = r."primary";

-- A call that was running may still be applied by its node: it lingers, as those of a dead instance do.
INSERT INTO instances (name, boot_id, buried)
SELECT 'the Go Praefect 18.9', '', true
WHERE EXISTS (SELECT 1 FROM go_praefect.unfinished WHERE running);

INSERT INTO replication_jobs (repository_id, storage, virtual_storage, kind, state, run, instance)
SELECT d.repository_id, d.storage, d.virtual_storage, 'delete',
       CASE WHEN d.running THEN 'lingering' ELSE 'ready' END, i.id << 40 | d.id, i.id
FROM go_praefect.deletes d
LEFT JOIN instances i ON d.running;

ANALYZE repositories;
ANALYZE storage_repositories;
ANALYZE repository_assignments;

-- Behind is what shall hold the repository and does not hold its generation. Without assignments that
-- is every configured storage, which the database does not know: those that have a row.
INSERT INTO replication_jobs (repository_id, storage, virtual_storage, state, wanted, run, instance)
SELECT w.repository_id, w.storage, r.virtual_storage,
       CASE WHEN w.running THEN 'lingering' ELSE 'ready' END, r.generation, i.id << 40 | w.id, i.id
FROM (SELECT repository_id, storage, max(id) AS id, bool_or(running) AS running
      FROM (SELECT repository_id, storage, NULL::bigint AS id, false AS running
            FROM repository_assignments
            UNION ALL
            SELECT s.repository_id, s.storage, NULL, false
            FROM storage_repositories s
            LEFT JOIN repository_assignments a ON a.repository_id = s.repository_id
            WHERE a.repository_id IS NULL
            UNION ALL
            SELECT repository_id, storage, id, running
            FROM go_praefect.unfinished WHERE change = 'update') wishes
      GROUP BY repository_id, storage) w
JOIN repositories r ON r.repository_id = w.repository_id AND r.state = 'live'
LEFT JOIN storage_repositories s ON s.repository_id = w.repository_id AND s.storage = w.storage
LEFT JOIN instances i ON w.running
WHERE w.running
   OR (s.generation IS DISTINCT FROM r.generation AND w.storage IS DISTINCT FROM r."primary")
ON CONFLICT DO NOTHING;

ANALYZE replication_jobs;

INSERT INTO events (kind, detail)
SELECT 'database_adopted', count(*) || ' repositories of the Go Praefect 18.9' FROM repositories;

DROP TABLE go_praefect.unfinished, go_praefect.deletes;
