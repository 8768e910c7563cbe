ALTER TABLE instances DROP COLUMN timeline;
