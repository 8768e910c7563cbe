-- What the books say now, in the tables of the Go Praefect 18.9 that were set aside.

-- A notification names every changed path: too much for one (8,000 bytes), and nobody listens.
ALTER TABLE go_praefect.repositories DISABLE TRIGGER USER;
ALTER TABLE go_praefect.storage_repositories DISABLE TRIGGER USER;

-- A call whose end nobody saw may have been applied, on the primary alone.
UPDATE storage_repositories s SET generation = s.generation + 1
FROM repositories r
WHERE r.repository_id = s.repository_id AND r.state = 'live' AND s.storage = r."primary"
  AND s.generation = r.generation
  AND EXISTS (SELECT 1 FROM write_intents i WHERE i.repository_id = r.repository_id);
UPDATE repositories r SET generation = r.generation + 1
WHERE r.state = 'live'
  AND EXISTS (SELECT 1 FROM write_intents i WHERE i.repository_id = r.repository_id);

-- Those that are gone; and those that have another name, because names may have been exchanged.
DELETE FROM go_praefect.repositories g
WHERE NOT EXISTS (
  SELECT 1 FROM repositories r
  WHERE r.repository_id = g.repository_id AND r.state = 'live'
    AND r.relative_path = g.relative_path COLLATE "C");

UPDATE go_praefect.repositories g SET generation = r.generation, "primary" = r."primary"
FROM repositories r
WHERE r.repository_id = g.repository_id
  AND (g.generation, g."primary") IS DISTINCT FROM (r.generation, r."primary");

INSERT INTO go_praefect.repositories (repository_id, virtual_storage, relative_path, replica_path,
                                      generation, "primary")
SELECT r.repository_id, r.virtual_storage, r.relative_path, r.replica_path, r.generation, r."primary"
FROM repositories r
WHERE r.state = 'live' AND NOT EXISTS (
  SELECT 1 FROM go_praefect.repositories g WHERE g.repository_id = r.repository_id);

-- It knows no replicas that hold nothing.
DELETE FROM go_praefect.storage_repositories g
WHERE NOT EXISTS (
  SELECT 1 FROM storage_repositories s
  WHERE s.repository_id = g.repository_id AND s.storage = g.storage AND s.generation >= 0);

UPDATE go_praefect.storage_repositories g SET generation = s.generation
FROM storage_repositories s
WHERE s.repository_id = g.repository_id AND s.storage = g.storage AND s.generation <> g.generation;

INSERT INTO go_praefect.storage_repositories (virtual_storage, relative_path, storage, generation,
                                              repository_id)
SELECT r.virtual_storage, r.relative_path, s.storage, s.generation, s.repository_id
FROM storage_repositories s
JOIN repositories r ON r.repository_id = s.repository_id AND r.state = 'live'
WHERE s.generation >= 0 AND NOT EXISTS (
  SELECT 1 FROM go_praefect.storage_repositories g
  WHERE g.repository_id = s.repository_id AND g.storage = s.storage);

DELETE FROM go_praefect.repository_assignments g
WHERE NOT EXISTS (
  SELECT 1 FROM repository_assignments a
  WHERE a.repository_id = g.repository_id AND a.storage = g.storage);

INSERT INTO go_praefect.repository_assignments (virtual_storage, relative_path, storage, repository_id)
SELECT r.virtual_storage, r.relative_path, a.storage, a.repository_id
FROM repository_assignments a
JOIN repositories r ON r.repository_id = a.repository_id AND r.state = 'live'
WHERE NOT EXISTS (
  SELECT 1 FROM go_praefect.repository_assignments g
  WHERE g.repository_id = a.repository_id AND g.storage = a.storage);

-- Its queue: a copy for what is behind, a delete for each replica of what was removed, and of those to
-- be deleted of one repository the first, of which it takes one at a time and plans the others itself.
DELETE FROM go_praefect.replication_queue_job_lock;
DELETE FROM go_praefect.replication_queue;
DELETE FROM go_praefect.replication_queue_lock;

CREATE TABLE go_praefect.unfinished AS
SELECT w.change, w.source, w.storage, r.virtual_storage, r.repository_id, r.replica_path,
       coalesce(r.relative_path, r.replica_path) AS relative_path
FROM (SELECT s.repository_id, s.storage, 'delete'::text AS change, NULL::text AS source
      FROM storage_repositories s
      JOIN repositories r ON r.repository_id = s.repository_id AND r.state <> 'live'
      UNION ALL
      SELECT repository_id, min(storage), 'delete_replica', NULL
      FROM replication_jobs WHERE kind = 'delete' GROUP BY repository_id
      UNION ALL
      SELECT j.repository_id, j.storage, 'update', source.storage
      FROM replication_jobs j
      JOIN repositories r ON r.repository_id = j.repository_id
      LEFT JOIN storage_repositories s
        ON s.repository_id = j.repository_id AND s.storage = j.storage
      CROSS JOIN LATERAL (
        SELECT o.storage FROM storage_repositories o
        WHERE o.repository_id = r.repository_id AND o.generation = r.generation
        ORDER BY (o.storage = r."primary") IS TRUE DESC, o.storage LIMIT 1) source
      WHERE j.kind = 'copy' AND s.generation IS DISTINCT FROM r.generation) w
JOIN repositories r ON r.repository_id = w.repository_id
WHERE (w.change = 'delete') = (r.state <> 'live');

INSERT INTO go_praefect.replication_queue_lock (id)
SELECT DISTINCT virtual_storage || '|' || storage || '|' || relative_path
FROM go_praefect.unfinished;

INSERT INTO go_praefect.replication_queue (lock_id, attempt, job, meta)
SELECT virtual_storage || '|' || storage || '|' || relative_path,
       CASE change WHEN 'delete_replica' THEN 2147483647 ELSE 3 END,
       jsonb_build_object(
         'change', change, 'repository_id', repository_id, 'virtual_storage', virtual_storage,
         'relative_path', relative_path, 'replica_path', replica_path,
         'target_node_storage', storage, 'source_node_storage', coalesce(source, ''),
         'params', NULL),
       '{"correlation_id": ""}'
FROM go_praefect.unfinished;

DROP TABLE go_praefect.unfinished;

DO $$
DECLARE
  last_id bigint;
BEGIN
  EXECUTE format('SELECT last_value FROM %s',
                 pg_get_serial_sequence('repositories', 'repository_id')) INTO last_id;
  PERFORM setval(pg_get_serial_sequence('go_praefect.repositories', 'repository_id'), last_id);
END $$;

ALTER TABLE go_praefect.repositories ENABLE TRIGGER USER;
ALTER TABLE go_praefect.storage_repositories ENABLE TRIGGER USER;
