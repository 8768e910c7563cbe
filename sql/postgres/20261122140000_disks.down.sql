DROP INDEX storage_repositories_suspect_index;
DROP TABLE storages;
