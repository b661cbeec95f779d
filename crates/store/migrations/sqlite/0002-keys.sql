-- Recipients' keys, what was looked up about them, and the organisation's own
-- keys. The class of each column stands in src/classes.rs.

-- A key is found by a keyed index of its address; the key itself, the address
-- as it was written and where it came from are sealed.
CREATE TABLE recipient_key (
    org INTEGER NOT NULL,
    key BLOB NOT NULL,
    address BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    format INTEGER NOT NULL,
    state INTEGER NOT NULL,
    source INTEGER NOT NULL,
    version INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    expires_at INTEGER,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org, key)
) STRICT;
CREATE UNIQUE INDEX recipient_key_by_address ON recipient_key (org, address, fingerprint);
CREATE INDEX recipient_key_by_change ON recipient_key (org, changed_at, address);

-- A lookup is not made again before its answer is too old, whatever it was.
CREATE TABLE discovery (
    org INTEGER NOT NULL,
    subject BLOB NOT NULL,
    found INTEGER NOT NULL,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (org, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX discovery_by_end ON discovery (org, until);

CREATE TABLE org_key (
    org INTEGER NOT NULL,
    key BLOB NOT NULL,
    format INTEGER NOT NULL,
    state INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    expires_at INTEGER,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org, key)
) STRICT;
