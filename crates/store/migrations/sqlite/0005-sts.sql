-- MTA-STS policies that hold, found by a keyed index of their domain. What is
-- forgotten here could be suppressed by whoever stands on the path.
CREATE TABLE sts_policy (
    org INTEGER NOT NULL,
    domain BLOB NOT NULL,
    until INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org, domain)
) STRICT, WITHOUT ROWID;
CREATE INDEX sts_policy_by_end ON sts_policy (org, until);
