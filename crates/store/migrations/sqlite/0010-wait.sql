-- Why a parcel was put off, as a number: an operator asks beside the server.
ALTER TABLE parcel ADD COLUMN wait INTEGER NOT NULL DEFAULT 0;
