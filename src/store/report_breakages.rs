//! What broke, what came back and what is open, counted over the incidents of a stretch of time.
//!
//! Every figure is as of the end of the stretch, so that the same question has the same answer later. What is old news
//! (broken before this product started to watch) counts only from when it was released. Everything is summed up by the
//! database: what comes back is bounded by the number of toolkits and reasons, not by the number of incidents.

use super::report_active::Watched;
use super::{Row, StoreError, Work, sql};
use crate::domain::{Followed, Timestamp, UserId};

/// A stretch of time: from its first instant to the first after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// Rows of one answer at most. Composio has about a thousand toolkits, and there are 11 reasons: four times what all of them
/// would have. An answer that is as long is an error, because its figures are summed up.
const MOST_ROWS: i64 = 50_000;
/// Monday 1970-01-05, 00:00 UTC, in milliseconds: weeks are counted from there.
pub const FIRST_MONDAY_MS: i64 = 4 * 86_400_000;
/// One week in milliseconds.
pub const WEEK_MS: i64 = 7 * 86_400_000;

/// What became of the incidents of one toolkit and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakageFigures {
    /// The toolkit.
    pub toolkit: String,
    /// The code of what the provider's reason pointed at when the incident was opened.
    pub reason: String,
    /// Opened in the stretch.
    pub newly_broken: u64,
    /// Ended in it because an account works.
    pub recovered: u64,
    /// Ended in it because the account is gone.
    pub gone: u64,
    /// Open at its end, by how long the account had been broken: under 1, 7 and 30 days, and longer.
    pub open: [u64; 4],
}

/// The breakages of one auth config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthConfigBreakages {
    /// The auth config.
    pub auth_config: String,
    /// Its toolkit.
    pub toolkit: String,
    /// Incidents opened in the stretch.
    pub newly_broken: u64,
}

/// The incidents opened in one week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeekFigures {
    /// Weeks since the one that began on Monday, 1970-01-05.
    pub week: i64,
    /// Opened.
    pub opened: u64,
    /// Ended because the account is gone.
    pub gone: u64,
    /// Recovered within 1, 3, 7 and 30 days.
    pub recovered: [u64; 4],
}

/// The sums by toolkit, reason and auth config, and from them those by toolkit and reason, and the auth configs of which
/// most broke; not the empty one, which stands for none known. What the release before wrote beside this one has no cause.
const BREAKAGES: &str = "\
    WITH sums AS MATERIALIZED (SELECT toolkit, COALESCE(reason, 'other') AS reason, COALESCE(auth_config, '') AS auth_config, \
    count(CASE WHEN opened_at >= $1 AND released_at IS NULL THEN 1 END) AS newly_broken, \
    count(CASE WHEN closed_at < $2 AND close_evidence IN ('active', 'superseded') THEN 1 END) AS recovered, \
    count(CASE WHEN closed_at < $2 AND close_evidence = 'gone' THEN 1 END) AS gone, \
    count(CASE WHEN (closed_at IS NULL OR closed_at >= $2) AND $2 - broke_at < 86400000 THEN 1 END) AS open_1, \
    count(CASE WHEN (closed_at IS NULL OR closed_at >= $2) AND $2 - broke_at >= 86400000 \
    AND $2 - broke_at < 604800000 THEN 1 END) AS open_7, \
    count(CASE WHEN (closed_at IS NULL OR closed_at >= $2) AND $2 - broke_at >= 604800000 \
    AND $2 - broke_at < 2592000000 THEN 1 END) AS open_30, \
    count(CASE WHEN (closed_at IS NULL OR closed_at >= $2) AND $2 - broke_at >= 2592000000 THEN 1 END) AS open_more \
    FROM incidents WHERE baseline = 0 AND +opened_at < $2 AND (released_at IS NULL OR released_at < $2) \
    AND (closed_at IS NULL OR closed_at >= $1) AND ($3 IS NULL OR toolkit = $3) \
    GROUP BY toolkit, COALESCE(reason, 'other'), COALESCE(auth_config, '')) \
    SELECT * FROM (SELECT toolkit, reason, CAST(NULL AS TEXT) AS auth_config, \
    CAST(sum(newly_broken) AS BIGINT) AS newly_broken, CAST(sum(recovered) AS BIGINT) AS recovered, \
    CAST(sum(gone) AS BIGINT) AS gone, CAST(sum(open_1) AS BIGINT) AS open_1, CAST(sum(open_7) AS BIGINT) AS open_7, \
    CAST(sum(open_30) AS BIGINT) AS open_30, CAST(sum(open_more) AS BIGINT) AS open_more FROM sums \
    GROUP BY toolkit, reason ORDER BY toolkit, reason LIMIT $4) figures \
    UNION ALL SELECT * FROM (SELECT toolkit, '' AS reason, auth_config, CAST(sum(newly_broken) AS BIGINT) AS n, \
    0, 0, 0, 0, 0, 0 FROM sums WHERE auth_config <> '' AND newly_broken > 0 GROUP BY auth_config, toolkit \
    ORDER BY n DESC, auth_config, toolkit LIMIT $5) most";

impl Work {
    /// What broke, recovered and is open, by toolkit and reason; and the auth configs of which most broke, `auth_configs` of
    /// them, the most first; one look at the incidents for both. (`+` keeps a database from looking through everything that was ever opened: what had not ended
    /// before is little.)
    pub async fn report_breakages(
        &mut self,
        stretch: Stretch,
        toolkit: Option<&str>,
        auth_configs: u32,
    ) -> Result<(Vec<BreakageFigures>, Vec<AuthConfigBreakages>), StoreError> {
        let select =
            sql(BREAKAGES).bind(stretch.from).bind(stretch.to).bind(toolkit).bind(MOST_ROWS).bind(auth_configs);
        let (mut figures, mut most) = (Vec::new(), Vec::new());
        for row in whole(&self.session.fetch(select).await?)? {
            match row.opt_text("auth_config")? {
                None => figures.push(breakage_figures(row)?),
                Some(auth_config) => most.push(AuthConfigBreakages {
                    auth_config,
                    toolkit: row.text("toolkit")?,
                    newly_broken: count(row, "newly_broken")?,
                }),
            }
        }
        // The order of two answers in one is not promised.
        figures.sort_by(|a, b| (&a.toolkit, &a.reason).cmp(&(&b.toolkit, &b.reason)));
        most.sort_by(|a, b| {
            b.newly_broken
                .cmp(&a.newly_broken)
                .then_with(|| (&a.auth_config, &a.toolkit).cmp(&(&b.auth_config, &b.toolkit)))
        });
        Ok((figures, most))
    }

    /// Old news that was open, and not released, at the end of the stretch.
    pub async fn report_old_news(&mut self, at: Timestamp, toolkit: Option<&str>) -> Result<u64, StoreError> {
        let select = sql("SELECT count(*) AS n FROM incidents WHERE (closed_at IS NULL OR closed_at >= $1) \
             AND +opened_at < $1 AND (baseline = 1 OR released_at >= $1) AND ($2 IS NULL OR toolkit = $2)");
        let rows = self.session.fetch(select.bind(at).bind(toolkit)).await?;
        rows.first().map_or(Ok(0), |row| count(row, "n"))
    }

    /// Of the incidents open at an instant, those of users who had left the product by then: nobody asks about their accounts
    /// any more, so that nothing closes these. (Whose row is gone had left long before. The users are looked up one by one,
    /// for what is open alone.)
    pub async fn report_open_left(&mut self, at: Watched, toolkit: Option<&str>) -> Result<u64, StoreError> {
        let select = sql("SELECT count(*) AS n FROM incidents i LEFT JOIN users u ON u.user_id = i.user_id \
             WHERE (i.closed_at IS NULL OR i.closed_at >= $1) AND i.baseline = 0 AND +i.opened_at < $1 \
             AND (i.released_at IS NULL OR i.released_at < $1) AND ($3 IS NULL OR i.toolkit = $3) \
             AND (u.user_id IS NULL OR u.outcome_at < $2)");
        let rows = self.session.fetch(select.bind(at.at).bind(at.there_since).bind(toolkit)).await?;
        rows.first().map_or(Ok(0), |row| count(row, "n"))
    }

    /// How fast people came back, by the week in which their incident was opened; of the incidents opened in the stretch.
    pub async fn report_weeks(
        &mut self,
        stretch: Stretch,
        toolkit: Option<&str>,
    ) -> Result<Vec<WeekFigures>, StoreError> {
        let select = sql("SELECT (opened_at - $3) / $4 AS week, count(*) AS opened, \
             count(CASE WHEN closed_at < $2 AND close_evidence = 'gone' THEN 1 END) AS gone, \
             count(CASE WHEN closed_at < $2 AND back = 1 AND closed_at - opened_at <= 86400000 THEN 1 END) AS back_1, \
             count(CASE WHEN closed_at < $2 AND back = 1 AND closed_at - opened_at <= 259200000 THEN 1 END) AS back_3, \
             count(CASE WHEN closed_at < $2 AND back = 1 AND closed_at - opened_at <= 604800000 THEN 1 END) AS back_7, \
             count(CASE WHEN closed_at < $2 AND back = 1 AND closed_at - opened_at <= 2592000000 THEN 1 END) AS back_30 \
             FROM (SELECT opened_at, closed_at, close_evidence, \
             CASE WHEN close_evidence IN ('active', 'superseded') THEN 1 ELSE 0 END AS back \
             FROM incidents WHERE baseline = 0 AND released_at IS NULL AND opened_at >= $1 AND opened_at < $2 \
             AND ($5 IS NULL OR toolkit = $5)) news GROUP BY (opened_at - $3) / $4 ORDER BY week");
        let select = select.bind(stretch.from).bind(stretch.to).bind(FIRST_MONDAY_MS).bind(WEEK_MS).bind(toolkit);
        self.session.fetch(select).await?.iter().map(week_figures).collect()
    }

    /// How long incidents opened since `from` took to recover, or have lasted by the instant `to`, and how many: whole minutes
    /// below a day, whole hours above, so that there are at most 1,440 durations and 24 for each day more. Who had left the
    /// product is followed to when they were last asked about: nobody saw what came then.
    pub async fn report_reconnect_times(
        &mut self,
        from: Timestamp,
        to: Watched,
        toolkit: Option<&str>,
    ) -> Result<Vec<Followed>, StoreError> {
        let select = sql("SELECT CASE WHEN ms < 0 THEN 0 WHEN ms < 86400000 THEN ms / 60000 * 60 \
             ELSE ms / 3600000 * 3600 END AS seconds, count(CASE WHEN ended = 1 THEN 1 END) AS ended, count(*) AS n \
             FROM (SELECT CASE WHEN i.closed_at < $2 THEN i.closed_at ELSE COALESCE((SELECT u.outcome_at FROM users u \
             WHERE u.user_id = i.user_id AND u.outcome_at < $3), $2) END - i.opened_at AS ms, \
             CASE WHEN i.closed_at < $2 AND i.close_evidence IN ('active', 'superseded') THEN 1 ELSE 0 END AS ended \
             FROM incidents i WHERE i.baseline = 0 AND i.released_at IS NULL AND i.opened_at >= $1 \
             AND i.opened_at < $2 AND ($4 IS NULL OR i.toolkit = $4)) news GROUP BY seconds ORDER BY seconds");
        let rows = self.session.fetch(select.bind(from).bind(to.at).bind(to.there_since).bind(toolkit)).await?;
        rows.iter().map(followed).collect()
    }

    /// How long it took to notice what broke, of the incidents opened in the stretch; in the same steps.
    pub async fn report_detect_times(
        &mut self,
        stretch: Stretch,
        toolkit: Option<&str>,
    ) -> Result<Vec<Followed>, StoreError> {
        let select = sql("SELECT CASE WHEN ms < 0 THEN 0 WHEN ms < 86400000 THEN ms / 60000 * 60 \
             ELSE ms / 3600000 * 3600 END AS seconds, count(*) AS ended, count(*) AS n \
             FROM (SELECT opened_at - broke_at AS ms FROM incidents WHERE baseline = 0 AND released_at IS NULL \
             AND opened_at >= $1 AND opened_at < $2 AND ($3 IS NULL OR toolkit = $3)) news \
             GROUP BY seconds ORDER BY seconds");
        let rows = self.session.fetch(select.bind(stretch.from).bind(stretch.to).bind(toolkit)).await?;
        rows.iter().map(followed).collect()
    }

    /// Incidents opened in the stretch of users whose same toolkit had come back less than `within_ms` before, and how
    /// many users that were.
    pub async fn report_repeats(
        &mut self,
        stretch: Stretch,
        toolkit: Option<&str>,
        within_ms: i64,
    ) -> Result<(u64, u64), StoreError> {
        let select = sql("SELECT count(*) AS n, count(DISTINCT i.user_id) AS users FROM incidents i \
             WHERE i.baseline = 0 AND i.released_at IS NULL AND i.opened_at >= $1 AND i.opened_at < $2 \
             AND ($4 IS NULL OR i.toolkit = $4) AND EXISTS (SELECT 1 FROM incidents e WHERE e.user_id = i.user_id AND e.toolkit = i.toolkit \
             AND e.closed_at <= i.opened_at AND e.closed_at > i.opened_at - $3 AND e.incident_id <> i.incident_id \
             AND e.close_evidence IN ('active', 'superseded'))");
        let rows = self.session.fetch(select.bind(stretch.from).bind(stretch.to).bind(within_ms).bind(toolkit)).await?;
        rows.first().map_or(Ok((0, 0)), |row| Ok((count(row, "n")?, count(row, "users")?)))
    }
}

/// One incident of the list for support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentLine {
    /// Its id; the next page begins after it.
    pub incident: String,
    /// Whose.
    pub user: UserId,
    /// Of which toolkit.
    pub toolkit: String,
    /// The account it stands for.
    pub account: String,
    /// The code of what the provider's reason pointed at when it was opened.
    pub reason: String,
    /// When the account broke.
    pub broke_at: Timestamp,
    /// When the incident was opened.
    pub opened_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// On which evidence.
    pub evidence: Option<String>,
    /// The code of the last decision about it.
    pub decision: Option<String>,
    /// How many of its notices were accepted.
    pub notices: u64,
}

impl Work {
    /// The incidents that were open at some time of the stretch, by id, after the one named.
    pub async fn report_incidents(
        &mut self,
        stretch: Stretch,
        toolkit: Option<&str>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<IncidentLine>, StoreError> {
        let select = sql("SELECT i.*, (SELECT count(DISTINCT n.number) \
             FROM notification_items n JOIN deliveries d ON d.notification_id = n.notification_id \
             WHERE n.incident_id = i.incident_id AND n.number >= 0 AND n.spent = 1 AND d.state = 'delivered' \
             AND d.settled_at < $2 AND (d.said IS NULL OR d.said LIKE '%' || n.incident_id || '%')) AS notices \
             FROM incidents i WHERE i.incident_id > $3 AND i.opened_at < $2 AND (i.closed_at IS NULL OR i.closed_at >= $1) \
             AND ($5 IS NULL OR i.toolkit = $5) ORDER BY i.incident_id LIMIT $4");
        let select = select.bind(stretch.from).bind(stretch.to).bind(after).bind(limit).bind(toolkit);
        self.session.fetch(select).await?.iter().map(incident_line).collect()
    }
}

/// The rows of an answer that was not cut off.
pub(super) fn whole(rows: &[Row]) -> Result<&[Row], StoreError> {
    if i64::try_from(rows.len()).is_ok_and(|found| found < MOST_ROWS) {
        return Ok(rows);
    }
    Err(StoreError::Unreadable(format!(
        "toolkits and reasons in {MOST_ROWS} combinations, which is more than there can be"
    )))
}

/// A count; never negative.
pub(super) fn count(row: &Row, column: &str) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.int(column)?).unwrap_or(0))
}

fn breakage_figures(row: &Row) -> Result<BreakageFigures, StoreError> {
    Ok(BreakageFigures {
        toolkit: row.text("toolkit")?,
        reason: row.text("reason")?,
        newly_broken: count(row, "newly_broken")?,
        recovered: count(row, "recovered")?,
        gone: count(row, "gone")?,
        open: [count(row, "open_1")?, count(row, "open_7")?, count(row, "open_30")?, count(row, "open_more")?],
    })
}

fn week_figures(row: &Row) -> Result<WeekFigures, StoreError> {
    Ok(WeekFigures {
        week: row.int("week")?,
        opened: count(row, "opened")?,
        gone: count(row, "gone")?,
        recovered: [count(row, "back_1")?, count(row, "back_3")?, count(row, "back_7")?, count(row, "back_30")?],
    })
}

fn followed(row: &Row) -> Result<Followed, StoreError> {
    let ended = count(row, "ended")?;
    Ok(Followed { seconds: count(row, "seconds")?, ended, censored: count(row, "n")? - ended })
}

fn incident_line(row: &Row) -> Result<IncidentLine, StoreError> {
    Ok(IncidentLine {
        incident: row.text("incident_id")?,
        user: UserId::new(row.text("user_id")?),
        toolkit: row.text("toolkit")?,
        account: row.text("account_id")?,
        reason: row.opt_text("reason")?.unwrap_or_else(|| "other".to_owned()),
        broke_at: row.instant("broke_at")?,
        opened_at: row.instant("opened_at")?,
        closed_at: row.opt_instant("closed_at")?,
        evidence: row.opt_text("close_evidence")?,
        decision: row.opt_text("decision")?,
        notices: count(row, "notices")?,
    })
}
