-- What may happen once within a time: a request with an idempotency key, a
-- signature that could be replayed. Keys are keyed hashes.
CREATE TABLE once (
    org INTEGER NOT NULL,
    mark BLOB NOT NULL,
    value BLOB NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (org, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX once_by_end ON once (org, until);
