-- What ACME needs to be known by every node: the account, the certificate and
-- its key, how the last order went, and answers to challenges, sealed.
CREATE TABLE acme (
    org INTEGER NOT NULL,
    name TEXT NOT NULL,
    until INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org, name)
) STRICT, WITHOUT ROWID;
