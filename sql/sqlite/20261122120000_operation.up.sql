-- What operators and workers need beside the truth: jobs that failed are tried again later.

ALTER TABLE replication_jobs ADD COLUMN attempts integer NOT NULL DEFAULT 0;  -- failed since it was wanted
ALTER TABLE replication_jobs ADD COLUMN wanted_at text;
UPDATE replication_jobs SET wanted_at = strftime('%Y-%m-%d %H:%M:%f', 'now');
CREATE INDEX replication_jobs_failed_index ON replication_jobs (virtual_storage, storage, state, not_before)
    WHERE error IS NOT NULL;  -- parked, with the time since when; and put off
