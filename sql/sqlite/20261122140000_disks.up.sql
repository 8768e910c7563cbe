-- Which disk each storage is on, by the filesystem_id that its node told: what its replicas claim, they claim
-- under this id.
CREATE TABLE storages (
    virtual_storage text NOT NULL,
    storage text NOT NULL,
    filesystem_id text NOT NULL,
    PRIMARY KEY (virtual_storage, storage)
);
CREATE INDEX storage_repositories_suspect_index ON storage_repositories (storage, repository_id)
    WHERE suspect;
