DROP TABLE unknown_contents;
