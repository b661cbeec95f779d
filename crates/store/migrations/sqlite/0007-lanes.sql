-- The queue in lanes (src/lane.rs), and a keyed index of the domain that a
-- parcel goes to. What waits already is operational, whatever it was.
ALTER TABLE parcel ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;
ALTER TABLE parcel ADD COLUMN destination BLOB;
UPDATE parcel SET lane = (1 << 60) | (org << 28) WHERE state = 0;
DROP INDEX parcel_due;
CREATE INDEX parcel_due ON parcel (lane, due) WHERE state = 0;
CREATE INDEX parcel_paused ON parcel (org) WHERE state = 8;
