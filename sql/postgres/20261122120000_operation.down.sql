DROP INDEX replication_jobs_failed_index;
ALTER TABLE replication_jobs DROP COLUMN wanted_at;
ALTER TABLE replication_jobs DROP COLUMN attempts;
