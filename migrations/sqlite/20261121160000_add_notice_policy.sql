-- What the notice policy and delivery remember: reminders and recoveries, storms, silences, suppressed
-- addresses, and which channels are stopped.
--
-- Safe under the previous release: it names the columns it inserts, so new ones take their defaults, and reads
-- rows by name. It would call off the deliveries it does not know (events for the operator, recoveries) as
-- `user_gone` or `healed`, tell what is held or silenced, and plan no reminders.

-- When an incident about old news was released to be told, and which storm holds it back. `next_notice_at` is
-- when the next notice can be given, as last decided, for `explain`. `recovery` says what was decided about
-- telling its end; null while that is open.
ALTER TABLE incidents ADD COLUMN released_at INTEGER;
ALTER TABLE incidents ADD COLUMN storm_id TEXT;
ALTER TABLE incidents ADD COLUMN next_notice_at INTEGER;
ALTER TABLE incidents ADD COLUMN recovery TEXT;
-- Whether no reminder follows whatever the ladder says: what was told before there were reminders.
ALTER TABLE incidents ADD COLUMN ladder_ended INTEGER NOT NULL DEFAULT 0;
UPDATE incidents SET ladder_ended = 1 WHERE closed_at IS NULL AND EXISTS
    (SELECT 1 FROM notification_items items WHERE items.incident_id = incidents.incident_id);
-- What ended before recoveries were told is not told now.
UPDATE incidents SET recovery = 'before' WHERE closed_at IS NOT NULL;
CREATE INDEX incidents_ended ON incidents (user_id, incident_id) WHERE closed_at IS NOT NULL AND recovery IS NULL;
CREATE INDEX incidents_by_storm ON incidents (storm_id) WHERE storm_id IS NOT NULL;
CREATE INDEX incidents_released ON incidents (released_at) WHERE released_at IS NOT NULL;
CREATE INDEX incidents_baseline ON incidents (broke_at) WHERE closed_at IS NULL AND baseline = 1;

-- `reconnect` and `recovered` speak to a user; everything else is an event for the operator: its `user_id` is
-- empty, and `about` holds what happened as JSON, without addresses or secrets. A recovery's items have the
-- number -1, so that the key of `notification_items` allows one per incident.
ALTER TABLE notifications ADD COLUMN kind TEXT NOT NULL DEFAULT 'reconnect';
ALTER TABLE notifications ADD COLUMN about TEXT;

-- When the present row of failures began, for the horizon after which a delivery is given up; and how many
-- attempts were only put off (quiet hours, sending rates, a reconnect under way) and do not count.
ALTER TABLE deliveries ADD COLUMN failing_since INTEGER;
ALTER TABLE deliveries ADD COLUMN put_off INTEGER NOT NULL DEFAULT 0;

-- A mass breakage of one auth config's or one toolkit's accounts. While `held`, its incidents are told to nobody.
CREATE TABLE storms (
    storm_id   TEXT NOT NULL PRIMARY KEY,
    scope      TEXT NOT NULL CHECK (scope IN ('auth_config', 'toolkit')),
    subject    TEXT NOT NULL,
    opened_at  INTEGER NOT NULL,
    broken     INTEGER NOT NULL,
    active     INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('held', 'released', 'discarded', 'healed')),
    decided_at INTEGER,
    decided_by TEXT
) STRICT;
CREATE UNIQUE INDEX storms_one_held ON storms (scope, subject) WHERE state = 'held';
CREATE INDEX storms_by_subject ON storms (scope, subject, decided_at);

-- An operator's word that nobody be told about these, until a moment. What is null is not compared; at least
-- one of the three is given.
CREATE TABLE silences (
    silence_id  TEXT NOT NULL PRIMARY KEY,
    user_id     TEXT,
    toolkit     TEXT,
    auth_config TEXT,
    until_at    INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    author      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    ended_by    TEXT
) STRICT;
CREATE INDEX silences_by_end ON silences (until_at);

-- Addresses nobody may mail, as keyed hashes; never in clear.
CREATE TABLE suppressions (
    address_hash TEXT NOT NULL PRIMARY KEY,
    cause        TEXT NOT NULL CHECK (cause IN ('unsubscribed', 'refused', 'operator')),
    author       TEXT,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is known of a channel beyond its configuration. `failing_since` is the first failure after the last
-- success, or after a long time without any; `last_failed_at` is the last; `stopped_at` is when it began to refuse us as a sender; a disabled channel is not used until an
-- operator enables it.
CREATE TABLE channels (
    channel       TEXT NOT NULL PRIMARY KEY,
    failing_since INTEGER,
    last_failed_at INTEGER,
    stopped_at    INTEGER,
    disabled_at   INTEGER,
    detail        TEXT,
    changed_by    TEXT
) STRICT, WITHOUT ROWID;
