-- The timeline of the database on which a process has settled again what may have been lost with the one
-- before; null: on none yet. The embedded store has no timelines.
ALTER TABLE instances ADD COLUMN timeline bigint;
