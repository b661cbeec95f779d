-- Work that one of several nodes does at a time: who has it, and until when.
CREATE TABLE claim (
    org BIGINT NOT NULL,
    name TEXT NOT NULL,
    holder BYTEA NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (org, name)
);

-- The history of the watch list: what each round found of a domain, sealed.
CREATE TABLE watch_round (
    org BIGINT NOT NULL,
    domain BYTEA NOT NULL,
    at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org, domain, at)
);
CREATE INDEX watch_round_by_time ON watch_round (org, at);
