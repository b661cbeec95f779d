-- TLS sessions that deliveries had, counted for the reports of RFC 8460: a row
-- for each day, domain and kind of outcome, found by keyed indexes.
CREATE TABLE tls_session (
    org INTEGER NOT NULL,
    day INTEGER NOT NULL,
    domain BLOB NOT NULL,
    kind BLOB NOT NULL,
    sessions INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org, day, domain, kind)
) STRICT, WITHOUT ROWID;

-- Reports of others about the organisation's own domains. The mark is a keyed
-- hash of who reports what, so that a report that comes twice is kept once.
CREATE TABLE report (
    org INTEGER NOT NULL,
    mark BLOB NOT NULL,
    at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_by_time ON report (org, at);
