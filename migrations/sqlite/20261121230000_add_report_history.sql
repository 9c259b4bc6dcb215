-- What the reconnect report counts beyond the incidents that are kept: sums of those that were dropped, and whether a
-- person opened the link in a mail.
--
-- Safe under the previous release: it knows neither the table nor the column. What it drops meanwhile is in no sum; the
-- newer release sees that and lets trends begin later.

-- Incidents that were dropped, by the UTC day (days since 1970-01-01) on which each of the things counted happened to
-- them. Written in the transaction that drops them. `released` were broken before we came and told later. No user, no
-- account: at most some hundred rows a day.
CREATE TABLE report_days (
    day          INTEGER NOT NULL,
    toolkit      TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    newly_broken INTEGER NOT NULL,
    released     INTEGER NOT NULL,
    recovered    INTEGER NOT NULL,
    gone         INTEGER NOT NULL,
    notified     INTEGER NOT NULL,
    PRIMARY KEY (day, toolkit, reason)
) STRICT, WITHOUT ROWID;

-- When a browser that a person sent there first showed the page behind the link. Fetching alone is not opening.
ALTER TABLE reconnect_links ADD COLUMN opened_at INTEGER;

-- The report asks whether any link was made in its period, and for the links of an incident, revoked ones too.
CREATE INDEX reconnect_links_by_creation ON reconnect_links (created_at);
CREATE INDEX reconnect_links_by_incident ON reconnect_links (incident_id);
