-- The database of the Go Praefect 18.9: types, tables, keys, views, functions and triggers with the names
-- and meanings that were found there; the words are our own. Migration ids are added by who uses this.

CREATE TABLE schema_migrations (id text PRIMARY KEY, applied_at timestamptz);
CREATE TABLE hello_world (id int);

CREATE TYPE replication_job_state AS ENUM
  ('ready', 'in_progress', 'completed', 'cancelled', 'failed', 'dead');

CREATE TABLE repositories (
  virtual_storage text NOT NULL,
  relative_path text NOT NULL,
  generation bigint,
  "primary" text,
  repository_id bigserial PRIMARY KEY,
  replica_path text
);
CREATE UNIQUE INDEX repository_lookup_index ON repositories (virtual_storage, relative_path);
CREATE INDEX repository_replica_path_index ON repositories (replica_path, virtual_storage);

CREATE TABLE storage_repositories (
  virtual_storage text NOT NULL,
  relative_path text NOT NULL,
  storage text NOT NULL,
  generation bigint NOT NULL,
  repository_id bigint NOT NULL REFERENCES repositories ON DELETE CASCADE,
  verified_at timestamptz,
  verification_leased_until timestamptz,
  PRIMARY KEY (virtual_storage, relative_path, storage)
);
CREATE UNIQUE INDEX storage_repositories_new_pkey ON storage_repositories (repository_id, storage);
CREATE INDEX verification_leases ON storage_repositories (verification_leased_until)
  WHERE verification_leased_until IS NOT NULL;
CREATE INDEX verification_queue ON storage_repositories (verified_at NULLS FIRST)
  WHERE verification_leased_until IS NULL;

CREATE TABLE repository_assignments (
  virtual_storage text NOT NULL,
  relative_path text NOT NULL,
  storage text NOT NULL,
  repository_id bigint NOT NULL REFERENCES repositories ON DELETE CASCADE,
  PRIMARY KEY (virtual_storage, relative_path, storage),
  FOREIGN KEY (virtual_storage, relative_path) REFERENCES repositories (virtual_storage, relative_path)
    ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX repository_assignments_new_pkey
  ON repository_assignments (repository_id, storage);

CREATE TABLE replication_queue_lock (id text PRIMARY KEY, acquired boolean NOT NULL DEFAULT false);

CREATE TABLE replication_queue (
  id bigserial PRIMARY KEY,
  state replication_job_state NOT NULL DEFAULT 'ready',
  created_at timestamp NOT NULL DEFAULT timezone('UTC', now()),
  updated_at timestamp,
  attempt int NOT NULL DEFAULT 3,
  lock_id text,
  job jsonb,
  meta jsonb
);
CREATE UNIQUE INDEX delete_replica_unique_index
  ON replication_queue ((job->>'virtual_storage'), (job->>'relative_path'))
  WHERE state NOT IN ('completed', 'cancelled', 'dead') AND job->>'change' = 'delete_replica';
CREATE INDEX replication_queue_target_index
  ON replication_queue ((job->>'virtual_storage'), (job->>'relative_path'),
                        (job->>'target_node_storage'), (job->>'change'))
  WHERE state NOT IN ('completed', 'cancelled', 'dead');
CREATE INDEX virtual_target_on_replication_queue_idx
  ON replication_queue ((job->>'virtual_storage'), (job->>'target_node_storage'));

CREATE TABLE replication_queue_job_lock (
  job_id bigint REFERENCES replication_queue (id),
  lock_id text REFERENCES replication_queue_lock (id),
  triggered_at timestamp NOT NULL DEFAULT timezone('UTC', now()),
  PRIMARY KEY (job_id, lock_id)
);

CREATE TABLE node_status (
  id bigserial PRIMARY KEY,
  praefect_name varchar(511) NOT NULL,
  shard_name varchar(255) NOT NULL,
  node_name varchar(255) NOT NULL,
  last_contact_attempt_at timestamptz,
  last_seen_active_at timestamptz
);
CREATE UNIQUE INDEX shard_node_names_on_node_status_idx
  ON node_status (praefect_name, shard_name, node_name);
CREATE INDEX shard_name_on_node_status_idx ON node_status (shard_name, node_name);

CREATE TABLE shard_primaries (
  id bigserial PRIMARY KEY,
  shard_name varchar(255) NOT NULL,
  node_name varchar(255) NOT NULL,
  elected_by_praefect varchar(255) NOT NULL,
  elected_at timestamptz NOT NULL,
  read_only boolean NOT NULL DEFAULT false,
  demoted boolean NOT NULL DEFAULT false,
  previous_writable_primary text
);
CREATE UNIQUE INDEX shard_name_on_shard_primaries_idx ON shard_primaries (shard_name);

CREATE TABLE storage_cleanups (
  virtual_storage text,
  storage text,
  last_run timestamp,
  triggered_at timestamp,
  PRIMARY KEY (virtual_storage, storage)
);
CREATE TABLE virtual_storages (
  virtual_storage text PRIMARY KEY,
  repositories_imported boolean NOT NULL DEFAULT false
);
CREATE TABLE repository_reference_write_locks (
  lock_id text PRIMARY KEY,
  holder_txn_id bigint NOT NULL,
  expired_at timestamptz NOT NULL
);
CREATE INDEX repository_reference_write_locks_expired_at_idx
  ON repository_reference_write_locks (expired_at);

CREATE VIEW healthy_storages AS
SELECT shard_name AS virtual_storage, node_name AS storage
FROM node_status ns
WHERE last_seen_active_at >= now() - interval '10 seconds'
GROUP BY shard_name, node_name
HAVING count(praefect_name) >= (
  SELECT ceil(count(DISTINCT praefect_name) / 2.0) FROM node_status
  WHERE shard_name = ns.shard_name AND last_contact_attempt_at >= now() - interval '60 seconds');

CREATE VIEW repository_generations AS
SELECT virtual_storage, relative_path, max(generation) AS generation
FROM storage_repositories GROUP BY virtual_storage, relative_path;

CREATE VIEW valid_primaries AS
SELECT repository_id, virtual_storage, relative_path, storage
FROM (
  SELECT r.repository_id, r.virtual_storage, r.relative_path, s.storage,
         a.storage IS NOT NULL
         OR bool_and(a.storage IS NULL) OVER (PARTITION BY r.repository_id) AS eligible
  FROM repositories r
  JOIN storage_repositories s
    ON s.repository_id = r.repository_id AND s.generation = r.generation
  JOIN healthy_storages h ON h.virtual_storage = r.virtual_storage AND h.storage = s.storage
  LEFT JOIN repository_assignments a
    ON a.repository_id = r.repository_id AND a.storage = s.storage
  WHERE NOT EXISTS (
    SELECT 1 FROM replication_queue q
    WHERE q.state NOT IN ('completed', 'dead', 'cancelled') AND q.job->>'change' = 'delete_replica'
      AND (q.job->>'repository_id')::bigint = r.repository_id
      AND q.job->>'target_node_storage' = s.storage)) candidates
WHERE eligible;

CREATE FUNCTION notify_on_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  payload text;
BEGIN
  CASE TG_OP
    WHEN 'INSERT' THEN
      SELECT json_agg(o) INTO payload FROM (
        SELECT virtual_storage, array_agg(DISTINCT relative_path) AS relative_paths
        FROM new_rows GROUP BY virtual_storage) o;
    WHEN 'UPDATE' THEN
      SELECT json_agg(o) INTO payload FROM (
        SELECT n.virtual_storage, array_agg(DISTINCT n.relative_path) AS relative_paths
        FROM new_rows n
        FULL JOIN old_rows o USING (virtual_storage, relative_path, storage)
        WHERE n.generation IS DISTINCT FROM o.generation
        GROUP BY n.virtual_storage) o;
    WHEN 'DELETE' THEN
      SELECT json_agg(o) INTO payload FROM (
        SELECT virtual_storage, array_agg(DISTINCT relative_path) AS relative_paths
        FROM old_rows GROUP BY virtual_storage) o;
  END CASE;
  IF payload IS NOT NULL THEN
    PERFORM pg_notify(TG_ARGV[0], payload);
  END IF;
  RETURN NULL;
END;
$$;
CREATE TRIGGER notify_on_delete AFTER DELETE ON repositories
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION notify_on_change('repositories_updates');
CREATE TRIGGER notify_on_insert AFTER INSERT ON storage_repositories
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION notify_on_change('storage_repositories_updates');
CREATE TRIGGER notify_on_update AFTER UPDATE ON storage_repositories
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION notify_on_change('storage_repositories_updates');
CREATE TRIGGER notify_on_delete AFTER DELETE ON storage_repositories
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION notify_on_change('storage_repositories_updates');

CREATE FUNCTION notify_on_write_lock_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('repository_reference_write_lock_releases', OLD.lock_id);
  RETURN NULL;
END;
$$;
CREATE TRIGGER notify_on_write_lock_release AFTER DELETE ON repository_reference_write_locks
  FOR EACH ROW EXECUTE FUNCTION notify_on_write_lock_release();
