-- Work that one of several nodes does at a time: who has it, and until when.
CREATE TABLE claim (
    org INTEGER NOT NULL,
    name TEXT NOT NULL,
    holder BLOB NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (org, name)
) STRICT, WITHOUT ROWID;

-- The history of the watch list: what each round found of a domain, sealed.
CREATE TABLE watch_round (
    org INTEGER NOT NULL,
    domain BLOB NOT NULL,
    at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org, domain, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX watch_round_by_time ON watch_round (org, at);
