-- MTA-STS policies that hold, found by a keyed index of their domain. What is
-- forgotten here could be suppressed by whoever stands on the path.
CREATE TABLE sts_policy (
    org BIGINT NOT NULL,
    domain BYTEA NOT NULL,
    until BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org, domain)
);
CREATE INDEX sts_policy_by_end ON sts_policy (org, until);
