-- Whom nothing more is sent to. The mailbox is a keyed index of its own; the
-- stream is empty where every stream is meant. A mailbox is suppressed once for
-- each stream and reason, whichever node saw it first.
CREATE TABLE suppression (
    org INTEGER NOT NULL,
    suppression BLOB NOT NULL,
    mailbox BLOB NOT NULL,
    stream TEXT NOT NULL,
    reason INTEGER NOT NULL,
    at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org, suppression)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX suppression_by_mailbox ON suppression (org, mailbox, stream, reason);
CREATE INDEX suppression_by_time ON suppression (org, at);
