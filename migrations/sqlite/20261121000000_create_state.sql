-- The state database: what we saw, what follows from it, what we said.
-- Instants are milliseconds since the Unix epoch, UTC. Booleans are 0 or 1. No address and no
-- credential has a column here: addresses are read from the directory at the moment of sending.

-- Facts about this installation. Keys: baseline_started_at, baseline_finished_at.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- A fenced, expiring right. `token` grows with every new holder; expiry is compared with the database's
-- clock only, never with a host's.
CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    token      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- One pass of the pipeline. `cursor` is the directory position after the last recorded page.
CREATE TABLE runs (
    run_id       TEXT    NOT NULL PRIMARY KEY,
    state        TEXT    NOT NULL CHECK (state IN ('running', 'finished', 'failed', 'abandoned')),
    started_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    finished_at  INTEGER,
    baseline     INTEGER NOT NULL,
    scan_done    INTEGER NOT NULL,
    cursor       TEXT,
    resumed_from TEXT,
    holder       TEXT    NOT NULL,
    counters     TEXT    NOT NULL,
    detail       TEXT
) STRICT;
CREATE INDEX runs_by_start ON runs (started_at);

-- One row per user of the directory we have asked about. While an account is in the list, the user's
-- `observed_at` is also the account's last-seen instant, and its last-ACTIVE instant while it is ACTIVE:
-- so a run in which nothing changed writes one narrow row per user and no account rows.
CREATE TABLE users (
    user_id           TEXT    NOT NULL PRIMARY KEY,
    first_observed_at INTEGER,
    observed_at       INTEGER,
    outcome           TEXT    NOT NULL,
    outcome_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the provider said of each account when it last said something new. `moved_on` says why its being
-- broken is no news until it works again.
CREATE TABLE accounts (
    user_id              TEXT    NOT NULL,
    account_id           TEXT    NOT NULL,
    toolkit              TEXT    NOT NULL,
    auth_config          TEXT    NOT NULL,
    auth_config_disabled INTEGER NOT NULL,
    auth_scheme          TEXT,
    status               TEXT    NOT NULL,
    reason               TEXT    NOT NULL,
    is_disabled          INTEGER NOT NULL,
    shared               INTEGER NOT NULL,
    alias                TEXT,
    word_id              TEXT,
    created_at           INTEGER,
    updated_at           INTEGER,
    condition            TEXT    NOT NULL,
    silence              TEXT,
    first_seen_at        INTEGER NOT NULL,
    last_active_at       INTEGER,
    broken_since         INTEGER,
    last_seen_at         INTEGER,
    gone_at              INTEGER,
    moved_on             TEXT,
    PRIMARY KEY (user_id, account_id)
) STRICT, WITHOUT ROWID;

-- Every change of an account's status or condition after we first saw it, append-only. An account that
-- left the list goes to the status GONE.
CREATE TABLE transitions (
    user_id        TEXT    NOT NULL,
    account_id     TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    run_id         TEXT    NOT NULL,
    from_status    TEXT    NOT NULL,
    to_status      TEXT    NOT NULL,
    from_condition TEXT    NOT NULL,
    to_condition   TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    PRIMARY KEY (user_id, account_id, at, run_id)
) STRICT, WITHOUT ROWID;

-- One unbroken period in which a user must reconnect one toolkit.
CREATE TABLE incidents (
    incident_id    TEXT    NOT NULL PRIMARY KEY,
    user_id        TEXT    NOT NULL,
    toolkit        TEXT    NOT NULL,
    account_id     TEXT    NOT NULL,
    opened_at      INTEGER NOT NULL,
    broke_at       INTEGER NOT NULL,
    baseline       INTEGER NOT NULL,
    run_id         TEXT    NOT NULL,
    decision       TEXT,
    decided_at     INTEGER,
    closed_at      INTEGER,
    close_evidence TEXT
) STRICT;
-- At most one open incident per user and toolkit, whatever the code does.
CREATE UNIQUE INDEX incidents_one_open ON incidents (user_id, toolkit) WHERE closed_at IS NULL;
CREATE INDEX incidents_by_user ON incidents (user_id, opened_at);

-- What one user is told at one moment.
CREATE TABLE notifications (
    notification_id TEXT    NOT NULL PRIMARY KEY,
    user_id         TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    run_id          TEXT    NOT NULL,
    reason          TEXT    NOT NULL
) STRICT;
CREATE INDEX notifications_by_user ON notifications (user_id, created_at);

-- Which incidents a notification is about. The primary key makes a second notice of the same incident
-- and number impossible. `spent` is 1 once the item was in something that was sent or tried; an item that
-- was only ever called off leaves its number free.
CREATE TABLE notification_items (
    incident_id     TEXT    NOT NULL,
    number          INTEGER NOT NULL,
    notification_id TEXT    NOT NULL REFERENCES notifications (notification_id),
    spent           INTEGER NOT NULL,
    PRIMARY KEY (incident_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX notification_items_by_notification ON notification_items (notification_id);

-- One notification on one channel. `outside_id` (Message-ID, webhook-id) is minted once and reused by
-- every attempt. A row is leased while `lease_expires_at` lies ahead of the database's clock.
CREATE TABLE deliveries (
    delivery_id      TEXT    NOT NULL PRIMARY KEY,
    notification_id  TEXT    NOT NULL REFERENCES notifications (notification_id),
    channel          TEXT    NOT NULL,
    outside_id       TEXT    NOT NULL UNIQUE,
    state            TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'cancelled')),
    attempts         INTEGER NOT NULL,
    next_attempt_at  INTEGER NOT NULL,
    lease_token      TEXT,
    lease_expires_at INTEGER,
    detail           TEXT,
    created_at       INTEGER NOT NULL,
    settled_at       INTEGER,
    UNIQUE (notification_id, channel)
) STRICT;
CREATE INDEX deliveries_due ON deliveries (channel, next_attempt_at, delivery_id) WHERE state = 'pending';

-- One try of a delivery: written when the lease is taken, completed once when it ends. A row without an
-- outcome is a worker that died.
CREATE TABLE attempts (
    delivery_id TEXT    NOT NULL REFERENCES deliveries (delivery_id),
    number      INTEGER NOT NULL,
    run_id      TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT,
    detail      TEXT,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;
