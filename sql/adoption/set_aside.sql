-- What the Go Praefect 18.9 made goes to a schema of its own, as it is, before ours are made: nothing is
-- lost, and a Go Praefect that is started by mistake finds no node_status and stops.

CREATE SCHEMA go_praefect;

ALTER TABLE hello_world SET SCHEMA go_praefect;
ALTER TABLE node_status SET SCHEMA go_praefect;
ALTER TABLE replication_queue SET SCHEMA go_praefect;
ALTER TABLE replication_queue_job_lock SET SCHEMA go_praefect;
ALTER TABLE replication_queue_lock SET SCHEMA go_praefect;
ALTER TABLE repositories SET SCHEMA go_praefect;
ALTER TABLE repository_assignments SET SCHEMA go_praefect;
ALTER TABLE repository_reference_write_locks SET SCHEMA go_praefect;
ALTER TABLE shard_primaries SET SCHEMA go_praefect;
ALTER TABLE storage_cleanups SET SCHEMA go_praefect;
ALTER TABLE storage_repositories SET SCHEMA go_praefect;
ALTER TABLE virtual_storages SET SCHEMA go_praefect;
ALTER VIEW healthy_storages SET SCHEMA go_praefect;
ALTER VIEW repository_generations SET SCHEMA go_praefect;
ALTER VIEW valid_primaries SET SCHEMA go_praefect;
ALTER FUNCTION notify_on_change() SET SCHEMA go_praefect;
ALTER FUNCTION notify_on_write_lock_release() SET SCHEMA go_praefect;
ALTER TYPE replication_job_state SET SCHEMA go_praefect;
