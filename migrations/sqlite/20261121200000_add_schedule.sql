-- What the daemon remembers of its schedule, and how the last of each job went whoever started it.
--
-- Safe under the previous release: it knows neither table, and writes into none of them.

-- One instant at which a job was due. The row is made by whoever takes the occurrence on, who holds the lease
-- `job.NAME` meanwhile: a row that is `running` while that lease is free or lapsed belongs to a process that died, and
-- is taken on again. `skipped` was left out knowingly; `detail` says why.
CREATE TABLE occurrences (
    job          TEXT NOT NULL CHECK (job IN ('audit', 'deliver', 'report', 'retention')),
    scheduled_at INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'skipped')),
    holder       TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    claimed_at   INTEGER NOT NULL,
    finished_at  INTEGER,
    run_id       TEXT,
    detail       TEXT,
    PRIMARY KEY (job, scheduled_at)
) STRICT, WITHOUT ROWID;

-- How each job last went: by the daemon's schedule, a timer, a Kubernetes job or by hand. `failures` counts failures
-- since the last success; `error` is the last one's, scrubbed, and stays until the next success.
CREATE TABLE jobs (
    job          TEXT NOT NULL PRIMARY KEY CHECK (job IN ('audit', 'deliver', 'report', 'retention')),
    started_at   INTEGER,
    succeeded_at INTEGER,
    failed_at    INTEGER,
    failures     INTEGER NOT NULL,
    duration_ms  INTEGER,
    error        TEXT,
    run_id       TEXT
) STRICT, WITHOUT ROWID;

-- What `status` and the metrics read at any moment: indexes over what is open or odd, and as small as that is.
CREATE INDEX incidents_open ON incidents (toolkit, user_id, account_id) WHERE closed_at IS NULL;
CREATE INDEX accounts_unknown ON accounts (user_id) WHERE condition = 'unknown' AND gone_at IS NULL;
