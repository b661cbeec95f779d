-- TLS sessions that deliveries had, counted for the reports of RFC 8460: a row
-- for each day, domain and kind of outcome, found by keyed indexes.
CREATE TABLE tls_session (
    org BIGINT NOT NULL,
    day BIGINT NOT NULL,
    domain BYTEA NOT NULL,
    kind BYTEA NOT NULL,
    sessions BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org, day, domain, kind)
);

-- Reports of others about the organisation's own domains. The mark is a keyed
-- hash of who reports what, so that a report that comes twice is kept once.
CREATE TABLE report (
    org BIGINT NOT NULL,
    mark BYTEA NOT NULL,
    at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org, mark)
);
CREATE INDEX report_by_time ON report (org, at);
