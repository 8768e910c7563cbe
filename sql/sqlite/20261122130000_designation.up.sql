-- Which storage is to be the primary of the repositories of a virtual storage (lib/datastore/designations.h).

CREATE TABLE designations (                  -- what the file of each instance says
    instance bigint NOT NULL,
    virtual_storage text NOT NULL,
    storage text NOT NULL,
    PRIMARY KEY (instance, virtual_storage)
);
CREATE TABLE designated_primaries (          -- what is in force
    virtual_storage text PRIMARY KEY,
    storage text NOT NULL
);
