-- Whom nothing more is sent to. The mailbox is a keyed index of its own; the
-- stream is empty where every stream is meant. A mailbox is suppressed once for
-- each stream and reason, whichever node saw it first.
CREATE TABLE suppression (
    org BIGINT NOT NULL,
    suppression BYTEA NOT NULL,
    mailbox BYTEA NOT NULL,
    stream TEXT NOT NULL,
    reason BIGINT NOT NULL,
    at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org, suppression)
);
CREATE UNIQUE INDEX suppression_by_mailbox ON suppression (org, mailbox, stream, reason);
CREATE INDEX suppression_by_time ON suppression (org, at);
