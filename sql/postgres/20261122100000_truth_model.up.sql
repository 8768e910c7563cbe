-- The books: which replica of a repository holds what, and what is under way. What the fields mean, and
-- what may be done with them, is in lib/datastore/books.h and rules.h.

CREATE TABLE repositories (
    repository_id bigserial PRIMARY KEY,
    virtual_storage text NOT NULL,
    relative_path text COLLATE "C",           -- null while it is being removed
    replica_path text COLLATE "C" NOT NULL,   -- where its replicas lie; never changes, never shared
    "primary" text,
    term bigint NOT NULL DEFAULT 1,
    generation bigint NOT NULL DEFAULT 0,
    acknowledged bigint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'live' CHECK (state IN ('creating', 'live', 'removing')),
    renamed boolean NOT NULL DEFAULT false    -- its replica path is retired when it goes
);
CREATE UNIQUE INDEX repository_lookup_index ON repositories (virtual_storage, relative_path);
CREATE UNIQUE INDEX repository_replica_path_index ON repositories (virtual_storage, replica_path);
CREATE INDEX repository_state_index ON repositories (state) WHERE state <> 'live';

CREATE TABLE storage_repositories (
    repository_id bigint NOT NULL REFERENCES repositories ON DELETE CASCADE,
    storage text NOT NULL,
    generation bigint NOT NULL DEFAULT -1,    -- -1: not known to hold any
    verified_at timestamptz,                  -- its claim was proven by equal checksums
    suspect boolean NOT NULL DEFAULT false,   -- found with another filesystem_id
    aside bigint NOT NULL DEFAULT -1,         -- what it claimed before,
    aside_filesystem_id text,                 -- and under which id
    PRIMARY KEY (repository_id, storage)
);
CREATE INDEX storage_repositories_storage_index ON storage_repositories (storage, repository_id);

CREATE TABLE repository_assignments (
    repository_id bigint NOT NULL REFERENCES repositories ON DELETE CASCADE,
    storage text NOT NULL,
    PRIMARY KEY (repository_id, storage)
);

CREATE TABLE retired_paths (
    virtual_storage text NOT NULL,
    replica_path text COLLATE "C" NOT NULL,
    PRIMARY KEY (virtual_storage, replica_path)
);

-- Calls that may change a repository and are not settled.
CREATE TABLE write_intents (
    id bigint PRIMARY KEY,
    repository_id bigint NOT NULL,
    storage text,                             -- null: an adoption
    term bigint NOT NULL,
    additional_repository_id bigint,
    instance bigint NOT NULL,
    lingering boolean NOT NULL DEFAULT false,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX write_intents_repository_index ON write_intents (repository_id);
CREATE INDEX write_intents_additional_index ON write_intents (additional_repository_id)
    WHERE additional_repository_id IS NOT NULL;
CREATE INDEX write_intents_instance_index ON write_intents (instance);

-- At most one for each replica.
CREATE TABLE replication_jobs (
    repository_id bigint NOT NULL,
    storage text NOT NULL,
    virtual_storage text NOT NULL,
    kind text NOT NULL DEFAULT 'copy' CHECK (kind IN ('copy', 'delete')),
    state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'lingering', 'parked')),
    wanted bigint NOT NULL DEFAULT 0,
    source text,
    claim bigint NOT NULL DEFAULT -1,
    quiet boolean NOT NULL DEFAULT false,
    run bigint,
    instance bigint,
    error text,
    not_before timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (repository_id, storage)
);
CREATE INDEX replication_jobs_ready_index ON replication_jobs (virtual_storage, storage, not_before)
    WHERE state = 'ready';
CREATE INDEX replication_jobs_instance_index ON replication_jobs (instance)
    WHERE instance IS NOT NULL;

-- Processes; counters are compared, never clocks of hosts.
CREATE TABLE instances (
    id bigserial PRIMARY KEY,
    name text NOT NULL,
    boot_id text NOT NULL,
    beat bigint NOT NULL DEFAULT 0,
    buried boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Apart from `instances`: a settle that waits for a lock must not hold up its instance's beat.
CREATE TABLE settled_batches (
    instance bigint PRIMARY KEY,
    batch bigint NOT NULL DEFAULT 0               -- the number of the last one
);

-- What an operator may want to know later.
CREATE TABLE events (
    id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL,
    repository_id bigint,
    virtual_storage text,
    path text,
    storage text,
    detail text
);
CREATE INDEX events_repository_index ON events (repository_id);
