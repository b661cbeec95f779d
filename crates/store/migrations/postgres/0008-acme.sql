-- What ACME needs to be known by every node: the account, the certificate and
-- its key, how the last order went, and answers to challenges, sealed.
CREATE TABLE acme (
    org BIGINT NOT NULL,
    name TEXT NOT NULL,
    until BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org, name)
);
