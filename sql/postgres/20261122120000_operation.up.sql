-- What operators and workers need beside the truth: jobs that failed are tried again later.

ALTER TABLE replication_jobs ADD COLUMN attempts bigint NOT NULL DEFAULT 0;  -- failed since it was wanted
ALTER TABLE replication_jobs ADD COLUMN wanted_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE INDEX replication_jobs_failed_index ON replication_jobs (virtual_storage, storage, state, not_before)
    WHERE error IS NOT NULL;  -- parked, with the time since when; and put off
