-- The accounts that worked at an instant are read back from the changes since: what each came from lies in the index, so
-- that millions of changes are read in one sweep and not one by one. Eight bytes for each change.
--
-- Safe under the previous release, which names no index.
DROP INDEX transitions_by_time;
CREATE INDEX transitions_by_time ON transitions (at, from_condition);
