-- The accounts that worked at an instant are read back from the changes since. PostgreSQL reads the changes of a short time
-- by this index and those of a long one in one sweep over the table; SQLite, which cannot, gets a wider index here.
COMMENT ON INDEX transitions_by_time IS 'what the reconnect report and retention ask for by time';
