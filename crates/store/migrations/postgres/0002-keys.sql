-- Recipients' keys, what was looked up about them, and the organisation's own
-- keys. The class of each column stands in src/classes.rs.

-- A key is found by a keyed index of its address; the key itself, the address
-- as it was written and where it came from are sealed.
CREATE TABLE recipient_key (
    org BIGINT NOT NULL,
    key BYTEA NOT NULL,
    address BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    format BIGINT NOT NULL,
    state BIGINT NOT NULL,
    source BIGINT NOT NULL,
    version BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    expires_at BIGINT,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org, key)
);
-- What is sealed doesn't compress.
ALTER TABLE recipient_key ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX recipient_key_by_address ON recipient_key (org, address, fingerprint);
CREATE INDEX recipient_key_by_change ON recipient_key (org, changed_at, address);

-- A lookup is not made again before its answer is too old, whatever it was.
CREATE TABLE discovery (
    org BIGINT NOT NULL,
    subject BYTEA NOT NULL,
    found BIGINT NOT NULL,
    at BIGINT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (org, subject)
);
CREATE INDEX discovery_by_end ON discovery (org, until);

CREATE TABLE org_key (
    org BIGINT NOT NULL,
    key BYTEA NOT NULL,
    format BIGINT NOT NULL,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    expires_at BIGINT,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org, key)
);
