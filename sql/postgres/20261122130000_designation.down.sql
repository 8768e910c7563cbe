DROP TABLE designated_primaries;
DROP TABLE designations;
