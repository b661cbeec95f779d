-- The same tables as on SQLite, but for what each engine does its own way:
-- leases are columns here, bodies have a table, and rows of the journal that
-- have no position yet are listed, because they become visible out of order.
-- The class of each column stands in src/classes.rs.

CREATE TABLE org (
    org BIGINT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    wrapped_key BYTEA NOT NULL
);

CREATE TABLE secret (
    org BIGINT NOT NULL,
    name TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org, name)
);

CREATE TABLE credential (
    org BIGINT NOT NULL,
    login BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    revoked BIGINT NOT NULL,
    PRIMARY KEY (org, login)
);

CREATE TABLE policy (
    org BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (org, hash)
);

-- The inner ids of messages and of parcel contents.
CREATE SEQUENCE inner_id;

CREATE TABLE message (
    id BIGINT PRIMARY KEY,
    org BIGINT NOT NULL,
    message BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    state BIGINT NOT NULL,
    body_segment BIGINT NOT NULL,
    body_offset BIGINT NOT NULL,
    body_length BIGINT NOT NULL,
    body_checksum BIGINT NOT NULL,
    body_bytes BIGINT NOT NULL,
    stream TEXT NOT NULL,
    campaign TEXT,
    subject_index BYTEA NOT NULL,
    recipient_domains BYTEA NOT NULL,
    tags TEXT,
    fields TEXT,
    envelope BYTEA NOT NULL
);
CREATE UNIQUE INDEX message_by_id ON message (org, message);
CREATE INDEX message_undecided ON message (org, message) WHERE state = 0;
CREATE INDEX message_held ON message (org, message) WHERE state = 2;
-- What is sealed doesn't compress.
ALTER TABLE message ALTER COLUMN envelope SET STORAGE EXTERNAL;

CREATE TABLE message_key (
    id BIGINT PRIMARY KEY,
    org BIGINT NOT NULL,
    wrapped_key BYTEA NOT NULL
);

CREATE TABLE parcel (
    parcel BYTEA PRIMARY KEY,
    org BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    content_id BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    state BIGINT NOT NULL,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    leased_until BIGINT NOT NULL DEFAULT 0,
    leased_by TEXT
) WITH (fillfactor = 70);
CREATE INDEX parcel_due ON parcel (due, org) WHERE state = 0;
CREATE INDEX parcel_leased ON parcel (leased_until) WHERE state = 0 AND leased_until > 0;
CREATE INDEX parcel_by_message ON parcel (message_id);

CREATE TABLE parcel_content (
    id BIGINT PRIMARY KEY,
    org BIGINT NOT NULL,
    sealed BYTEA NOT NULL
);
ALTER TABLE parcel_content ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE TABLE body (
    org BIGINT NOT NULL,
    message BYTEA NOT NULL,
    chunk BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (org, message, chunk)
);
ALTER TABLE body ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Large bodies that are still arriving: their rows in `body` are there before
-- their message is, and go again when it never comes.
CREATE TABLE body_arriving (
    org BIGINT NOT NULL,
    message BYTEA NOT NULL,
    begun_at BIGINT NOT NULL,
    PRIMARY KEY (org, message)
);

CREATE TABLE journal (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org BIGINT NOT NULL,
    message BYTEA,
    at BIGINT NOT NULL,
    entry BYTEA NOT NULL
);
CREATE INDEX journal_by_message ON journal (message) WHERE message IS NOT NULL;
ALTER TABLE journal ALTER COLUMN entry SET STORAGE EXTERNAL;

CREATE TABLE journal_pending (
    org BIGINT NOT NULL,
    id BIGINT NOT NULL,
    PRIMARY KEY (org, id)
);

CREATE TABLE link (
    org BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    message_id BIGINT NOT NULL,
    recipient BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org, hash)
);
CREATE INDEX link_by_message ON link (message_id);

CREATE TABLE posture (
    org BIGINT NOT NULL,
    domain BYTEA NOT NULL,
    best BIGINT NOT NULL,
    best_at BIGINT NOT NULL,
    last BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (org, domain)
);

CREATE TABLE run (
    org BIGINT NOT NULL,
    first_position BIGINT NOT NULL,
    first_journal BIGINT NOT NULL,
    last_journal BIGINT NOT NULL,
    journal_ids BYTEA NOT NULL,
    frontier BYTEA NOT NULL,
    checkpoint TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (org, first_position)
);
CREATE INDEX run_by_journal ON run (org, last_journal);

-- What a health check writes.
CREATE TABLE probe (
    id BIGINT PRIMARY KEY,
    count BIGINT NOT NULL
);
INSERT INTO probe (id, count) VALUES (1, 0);
