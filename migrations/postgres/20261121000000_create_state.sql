-- The state database: what we saw, what follows from it, what we said.
-- Instants are milliseconds since the Unix epoch, UTC. Booleans are 0 or 1. No address and no
-- credential has a column here: addresses are read from the directory at the moment of sending.
-- Text columns compare by bytes (COLLATE "C"), so that paging order does not depend on a locale.

-- Facts about this installation. Keys: baseline_started_at, baseline_finished_at.
CREATE TABLE meta (
    key   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

-- A fenced, expiring right. `token` grows with every new holder; expiry is compared with the database's
-- clock only, never with a host's.
CREATE TABLE leases (
    name       TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    holder     TEXT COLLATE "C"    NOT NULL,
    token      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- One pass of the pipeline. `cursor` is the directory position after the last recorded page.
CREATE TABLE runs (
    run_id       TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    state        TEXT COLLATE "C"    NOT NULL CHECK (state IN ('running', 'finished', 'failed', 'abandoned')),
    started_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    finished_at  BIGINT,
    baseline     BIGINT NOT NULL,
    scan_done    BIGINT NOT NULL,
    cursor       TEXT COLLATE "C",
    resumed_from TEXT COLLATE "C",
    holder       TEXT COLLATE "C"    NOT NULL,
    counters     TEXT COLLATE "C"    NOT NULL,
    detail       TEXT COLLATE "C"
);
CREATE INDEX runs_by_start ON runs (started_at);

-- One row per user of the directory we have asked about. While an account is in the list, the user's
-- `observed_at` is also the account's last-seen instant, and its last-ACTIVE instant while it is ACTIVE:
-- so a run in which nothing changed writes one narrow row per user and no account rows.
CREATE TABLE users (
    user_id           TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    first_observed_at BIGINT,
    observed_at       BIGINT,
    outcome           TEXT COLLATE "C"    NOT NULL,
    outcome_at        BIGINT NOT NULL
);

-- What the provider said of each account when it last said something new. `moved_on` says why its being
-- broken is no news until it works again.
CREATE TABLE accounts (
    user_id              TEXT COLLATE "C"    NOT NULL,
    account_id           TEXT COLLATE "C"    NOT NULL,
    toolkit              TEXT COLLATE "C"    NOT NULL,
    auth_config          TEXT COLLATE "C"    NOT NULL,
    auth_config_disabled BIGINT NOT NULL,
    auth_scheme          TEXT COLLATE "C",
    status               TEXT COLLATE "C"    NOT NULL,
    reason               TEXT COLLATE "C"    NOT NULL,
    is_disabled          BIGINT NOT NULL,
    shared               BIGINT NOT NULL,
    alias                TEXT COLLATE "C",
    word_id              TEXT COLLATE "C",
    created_at           BIGINT,
    updated_at           BIGINT,
    condition            TEXT COLLATE "C"    NOT NULL,
    silence              TEXT COLLATE "C",
    first_seen_at        BIGINT NOT NULL,
    last_active_at       BIGINT,
    broken_since         BIGINT,
    last_seen_at         BIGINT,
    gone_at              BIGINT,
    moved_on             TEXT COLLATE "C",
    PRIMARY KEY (user_id, account_id)
);

-- Every change of an account's status or condition after we first saw it, append-only. An account that
-- left the list goes to the status GONE.
CREATE TABLE transitions (
    user_id        TEXT COLLATE "C"    NOT NULL,
    account_id     TEXT COLLATE "C"    NOT NULL,
    at             BIGINT NOT NULL,
    run_id         TEXT COLLATE "C"    NOT NULL,
    from_status    TEXT COLLATE "C"    NOT NULL,
    to_status      TEXT COLLATE "C"    NOT NULL,
    from_condition TEXT COLLATE "C"    NOT NULL,
    to_condition   TEXT COLLATE "C"    NOT NULL,
    reason         TEXT COLLATE "C"    NOT NULL,
    PRIMARY KEY (user_id, account_id, at, run_id)
);

-- One unbroken period in which a user must reconnect one toolkit.
CREATE TABLE incidents (
    incident_id    TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    user_id        TEXT COLLATE "C"    NOT NULL,
    toolkit        TEXT COLLATE "C"    NOT NULL,
    account_id     TEXT COLLATE "C"    NOT NULL,
    opened_at      BIGINT NOT NULL,
    broke_at       BIGINT NOT NULL,
    baseline       BIGINT NOT NULL,
    run_id         TEXT COLLATE "C"    NOT NULL,
    decision       TEXT COLLATE "C",
    decided_at     BIGINT,
    closed_at      BIGINT,
    close_evidence TEXT COLLATE "C"
);
-- At most one open incident per user and toolkit, whatever the code does.
CREATE UNIQUE INDEX incidents_one_open ON incidents (user_id, toolkit) WHERE closed_at IS NULL;
CREATE INDEX incidents_by_user ON incidents (user_id, opened_at);

-- What one user is told at one moment.
CREATE TABLE notifications (
    notification_id TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    user_id         TEXT COLLATE "C"    NOT NULL,
    created_at      BIGINT NOT NULL,
    run_id          TEXT COLLATE "C"    NOT NULL,
    reason          TEXT COLLATE "C"    NOT NULL
);
CREATE INDEX notifications_by_user ON notifications (user_id, created_at);

-- Which incidents a notification is about. The primary key makes a second notice of the same incident
-- and number impossible. `spent` is 1 once the item was in something that was sent or tried; an item that
-- was only ever called off leaves its number free.
CREATE TABLE notification_items (
    incident_id     TEXT COLLATE "C"    NOT NULL,
    number          BIGINT NOT NULL,
    notification_id TEXT COLLATE "C"    NOT NULL REFERENCES notifications (notification_id),
    spent           BIGINT NOT NULL,
    PRIMARY KEY (incident_id, number)
);
CREATE INDEX notification_items_by_notification ON notification_items (notification_id);

-- One notification on one channel. `outside_id` (Message-ID, webhook-id) is minted once and reused by
-- every attempt. A row is leased while `lease_expires_at` lies ahead of the database's clock.
CREATE TABLE deliveries (
    delivery_id      TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    notification_id  TEXT COLLATE "C"    NOT NULL REFERENCES notifications (notification_id),
    channel          TEXT COLLATE "C"    NOT NULL,
    outside_id       TEXT COLLATE "C"    NOT NULL UNIQUE,
    state            TEXT COLLATE "C"    NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'cancelled')),
    attempts         BIGINT NOT NULL,
    next_attempt_at  BIGINT NOT NULL,
    lease_token      TEXT COLLATE "C",
    lease_expires_at BIGINT,
    detail           TEXT COLLATE "C",
    created_at       BIGINT NOT NULL,
    settled_at       BIGINT,
    UNIQUE (notification_id, channel)
);
CREATE INDEX deliveries_due ON deliveries (channel, next_attempt_at, delivery_id) WHERE state = 'pending';

-- One try of a delivery: written when the lease is taken, completed once when it ends. A row without an
-- outcome is a worker that died.
CREATE TABLE attempts (
    delivery_id TEXT COLLATE "C"    NOT NULL REFERENCES deliveries (delivery_id),
    number      BIGINT NOT NULL,
    run_id      TEXT COLLATE "C"    NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    outcome     TEXT COLLATE "C",
    detail      TEXT COLLATE "C",
    PRIMARY KEY (delivery_id, number)
);
