-- What lies on nodes at names of repositories and is nobody's (lib/datastore/unknown_contents.h).
CREATE TABLE unknown_contents (
    virtual_storage text NOT NULL,
    relative_path text COLLATE "C" NOT NULL,
    storage text NOT NULL,
    checksum text,    -- null: the repository of that name lies elsewhere
    noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (virtual_storage, relative_path, storage)
);
