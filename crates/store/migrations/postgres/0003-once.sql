-- What may happen once within a time: a request with an idempotency key, a
-- signature that could be replayed. Keys are keyed hashes.
CREATE TABLE once (
    org BIGINT NOT NULL,
    mark BYTEA NOT NULL,
    value BYTEA NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (org, mark)
);
CREATE INDEX once_by_end ON once (org, until);
