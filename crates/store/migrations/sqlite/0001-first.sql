-- What the journey keeps. Times are microseconds since 1970, ids 16 bytes of
-- UUIDv7 as seen outside, and small integers (never seen outside) inside.
-- The class of each column stands in src/classes.rs.

CREATE TABLE org (
    org INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    wrapped_key BLOB NOT NULL
) STRICT;

CREATE TABLE secret (
    org INTEGER NOT NULL,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE credential (
    org INTEGER NOT NULL,
    login BLOB NOT NULL,
    sealed BLOB NOT NULL,
    revoked INTEGER NOT NULL,
    PRIMARY KEY (org, login)
) STRICT, WITHOUT ROWID;

CREATE TABLE policy (
    org INTEGER NOT NULL,
    hash BLOB NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (org, hash)
) STRICT;

-- A wide row that is only ever appended; but for `state` it never changes.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    org INTEGER NOT NULL,
    message BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    state INTEGER NOT NULL,
    body_segment INTEGER NOT NULL,
    body_offset INTEGER NOT NULL,
    body_length INTEGER NOT NULL,
    body_checksum INTEGER NOT NULL,
    body_bytes INTEGER NOT NULL,
    stream TEXT NOT NULL,
    campaign TEXT,
    subject_index BLOB NOT NULL,
    recipient_domains BLOB NOT NULL,
    tags TEXT,
    fields TEXT,
    envelope BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_by_id ON message (org, message);
CREATE INDEX message_undecided ON message (org, message) WHERE state = 0;
CREATE INDEX message_held ON message (org, message) WHERE state = 2;

-- A table of their own, with the message's `id`: rows are appended in that
-- order and overwritten in place, so that SQLite never moves one to another
-- page and leaves a copy of it behind. Rows are therefore never deleted; an
-- erased key is all zeros.
CREATE TABLE message_key (
    id INTEGER PRIMARY KEY,
    org INTEGER NOT NULL,
    wrapped_key BLOB NOT NULL
) STRICT;

-- Narrow, because each attempt rewrites it; what is wide lies in
-- parcel_content and never changes.
CREATE TABLE parcel (
    parcel BLOB NOT NULL PRIMARY KEY,
    org INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    content_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX parcel_due ON parcel (due, org) WHERE state = 0;
CREATE INDEX parcel_by_message ON parcel (message_id);

CREATE TABLE parcel_content (
    id INTEGER PRIMARY KEY,
    org INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org INTEGER NOT NULL,
    message BLOB,
    at INTEGER NOT NULL,
    entry BLOB NOT NULL
) STRICT;
CREATE INDEX journal_by_message ON journal (message) WHERE message IS NOT NULL;

CREATE TABLE link (
    org INTEGER NOT NULL,
    hash BLOB NOT NULL,
    message_id INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_by_message ON link (message_id);

CREATE TABLE posture (
    org INTEGER NOT NULL,
    domain BLOB NOT NULL,
    best INTEGER NOT NULL,
    best_at INTEGER NOT NULL,
    last INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (org, domain)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    org INTEGER NOT NULL,
    first_position INTEGER NOT NULL,
    first_journal INTEGER NOT NULL,
    last_journal INTEGER NOT NULL,
    journal_ids BLOB NOT NULL,
    frontier BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (org, first_position)
) STRICT;
CREATE INDEX run_by_journal ON run (org, last_journal);

-- What a health check writes.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT;
INSERT INTO probe (id, count) VALUES (1, 0);
