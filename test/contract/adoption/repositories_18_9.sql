-- $COUNT repositories in the tables of upstream_18_9.sql; the state of each is repository_id % 12.

-- A notification of so many is longer than PostgreSQL takes.
ALTER TABLE storage_repositories DISABLE TRIGGER USER;

INSERT INTO repositories (repository_id, virtual_storage, relative_path, replica_path, generation,
                          "primary")
SELECT i, 'default',
       CASE i % 12 WHEN 7 THEN '@pools/' ELSE '@hashed/' END || i || '.git',
       CASE i % 12
         WHEN 7 THEN '@cluster/pools/' || i
         WHEN 8 THEN '@hashed/' || i || '.git'
         WHEN 9 THEN 'old/' || i || '.git'
         ELSE '@cluster/repositories/' || i END,
       CASE i % 12 WHEN 11 THEN NULL ELSE 5 END,
       CASE i % 12 WHEN 6 THEN NULL ELSE 'a' END
FROM generate_series(1, $COUNT) i;
SELECT setval('repositories_repository_id_seq', $COUNT + 1000);

INSERT INTO storage_repositories (virtual_storage, relative_path, storage, generation, repository_id,
                                  verified_at)
SELECT r.virtual_storage, r.relative_path, s.storage,
       CASE (r.repository_id % 12)::text || s.storage
         WHEN '1b' THEN 3      -- behind
         WHEN '3c' THEN 2      -- surplus
         WHEN '5b' THEN 4      -- being copied to
         WHEN '10a' THEN 4     -- the primary is behind
         ELSE 5 END,
       r.repository_id, now()
FROM repositories r
CROSS JOIN (VALUES ('a'), ('b'), ('c')) s (storage)
WHERE (r.repository_id % 12)::text || s.storage NOT IN ('2c', '4c', '11a', '11b', '11c');

ALTER TABLE storage_repositories ENABLE TRIGGER USER;

INSERT INTO repository_assignments (virtual_storage, relative_path, storage, repository_id)
SELECT r.virtual_storage, r.relative_path, s.storage, r.repository_id
FROM repositories r
CROSS JOIN (VALUES ('a'), ('b'), ('c')) s (storage)
WHERE r.repository_id % 12 = 4 OR (r.repository_id % 12 = 3 AND s.storage <> 'c');

CREATE FUNCTION pg_temp.queue(state text, change text, target text, id bigint, path text,
                              replica_path text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO replication_queue_lock VALUES ('default|' || target || '|' || path);
  INSERT INTO replication_queue (state, lock_id, job, meta)
  VALUES (state::replication_job_state, 'default|' || target || '|' || path,
          jsonb_build_object('change', change, 'repository_id', id, 'virtual_storage', 'default',
            'relative_path', path, 'replica_path', replica_path, 'target_node_storage', target,
            'source_node_storage', 'a', 'params', NULL),
          '{"correlation_id": "c"}');
$$;
SELECT count(pg_temp.queue(
  CASE repository_id % 12 WHEN 1 THEN 'failed' WHEN 5 THEN 'in_progress' ELSE 'ready' END,
  CASE repository_id % 12 WHEN 3 THEN 'delete_replica' ELSE 'update' END,
  CASE WHEN repository_id % 12 IN (1, 5) THEN 'b' ELSE 'c' END,
  repository_id, relative_path, replica_path))
FROM repositories WHERE repository_id % 12 IN (1, 3, 4, 5);
-- Of every twelfth that was removed, one replica is left.
SELECT count(pg_temp.queue('ready', 'delete', 'b', $COUNT + 1 + i, 'removed/' || i,
                           '@cluster/repositories/removed/' || i))
FROM generate_series(1, $COUNT / 12) i;
INSERT INTO replication_queue_job_lock (job_id, lock_id)
SELECT id, lock_id FROM replication_queue WHERE state = 'in_progress';
UPDATE replication_queue_lock SET acquired = true
WHERE id IN (SELECT lock_id FROM replication_queue_job_lock);

INSERT INTO node_status (praefect_name, shard_name, node_name, last_contact_attempt_at,
                         last_seen_active_at)
SELECT p, 'default', n, now() - interval '61 seconds', now() - interval '61 seconds'
FROM unnest(ARRAY['praefect-1:2305', 'praefect-2:2305']) p, unnest(ARRAY['a', 'b', 'c']) n;
INSERT INTO storage_cleanups VALUES ('default', 'a', now(), NULL);
INSERT INTO shard_primaries (shard_name, node_name, elected_by_praefect, elected_at)
VALUES ('default', 'a', 'praefect-1:2305', now());
