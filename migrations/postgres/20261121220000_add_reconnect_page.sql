-- What the reconnect page remembers: the links in mails, the connect attempts people began behind them, and what
-- somebody does not want to be written about.
--
-- Safe under the previous release: it knows none of these tables and writes into none of them. Links of mails already
-- sent then lead nowhere until the newer release is back, and mail somebody stopped for one toolkit alone is sent.

-- One durable link per incident; reminders carry the same one. The id is no secret: a link works only with a
-- signature under the link key. A revoked link stays revoked, and the next notice gets another.
CREATE TABLE reconnect_links (
    link_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    incident_id TEXT COLLATE "C" NOT NULL,
    user_id     TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    revoked_at  BIGINT,
    revoked_by  TEXT COLLATE "C"
);
CREATE UNIQUE INDEX reconnect_links_one_live ON reconnect_links (incident_id) WHERE revoked_at IS NULL;
CREATE INDEX reconnect_links_by_user ON reconnect_links (user_id);

-- One connect attempt, from before the provider is asked for its hosted page to how it ended. While it is `asking` or
-- `live` no other is begun for the incident. `asking` is given up as `lost` once `claimed_until` has passed by the
-- database's clock: whoever asked has died, and an account may exist that nobody here knows. `address` is where the
-- hosted page is, sealed, and only as long as it can be used.
CREATE TABLE reconnect_attempts (
    attempt_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    link_id       TEXT COLLATE "C" NOT NULL,
    incident_id   TEXT COLLATE "C" NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL,
    auth_config   TEXT COLLATE "C" NOT NULL,
    state         TEXT COLLATE "C" NOT NULL CHECK (state IN ('asking', 'live', 'succeeded', 'failed', 'expired', 'lost')),
    account_id    TEXT COLLATE "C",
    address       TEXT COLLATE "C",
    claimed_until BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT,
    ended_at      BIGINT
);
CREATE UNIQUE INDEX reconnect_attempts_one_live ON reconnect_attempts (incident_id) WHERE state IN ('asking', 'live');
CREATE INDEX reconnect_attempts_by_incident ON reconnect_attempts (incident_id, created_at);
CREATE INDEX reconnect_attempts_by_user ON reconnect_attempts (user_id);

-- Toolkits an address is not written to about; the whole address is in `suppressions`.
CREATE TABLE suppressed_toolkits (
    address_hash TEXT COLLATE "C" NOT NULL,
    toolkit      TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (address_hash, toolkit)
);
