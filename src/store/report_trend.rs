//! What happened day by day: the incidents that are kept, and the sums of those that were dropped, added up.
//!
//! Retention folds incidents into `report_days` in the transaction that drops them, so what is said here is the same
//! before and after. A day is a UTC day. What comes back is bounded by the number of days asked about.

use super::report_breakages::{Stretch, count};
use super::{Row, StoreError, Work, sql};
use crate::domain::{Timestamp, millis};

/// One day in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// What happened on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayFigures {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// Incidents opened.
    pub newly_broken: u64,
    /// Old news that was released: open from then on as far as a report counts.
    pub released: u64,
    /// Ended because an account works.
    pub recovered: u64,
    /// Ended because the account is gone.
    pub gone: u64,
    /// First told.
    pub notified: u64,
}

impl Work {
    /// What happened in the stretch, by day; of one toolkit, or of all. Days on which nothing did are left out. Of days
    /// that are in the stretch in part, what was dropped is in it whole.
    pub async fn report_days(
        &mut self,
        stretch: Stretch,
        toolkit: Option<&str>,
    ) -> Result<Vec<DayFigures>, StoreError> {
        let select = sql("SELECT day, CAST(sum(newly_broken) AS BIGINT) AS newly_broken, \
             CAST(sum(released) AS BIGINT) AS released, CAST(sum(recovered) AS BIGINT) AS recovered, \
             CAST(sum(gone) AS BIGINT) AS gone, CAST(sum(notified) AS BIGINT) AS notified FROM ( \
             SELECT opened_at / 86400000 AS day, count(*) AS newly_broken, 0 AS released, 0 AS recovered, 0 AS gone, \
             0 AS notified FROM incidents WHERE opened_at >= $1 AND opened_at < $2 AND baseline = 0 \
             AND released_at IS NULL AND ($3 IS NULL OR toolkit = $3) GROUP BY opened_at / 86400000 \
             UNION ALL SELECT released_at / 86400000, 0, count(*), 0, 0, 0 FROM incidents \
             WHERE released_at >= $1 AND released_at < $2 AND baseline = 0 AND ($3 IS NULL OR toolkit = $3) \
             GROUP BY released_at / 86400000 \
             UNION ALL SELECT closed_at / 86400000, 0, 0, \
             count(CASE WHEN close_evidence IN ('active', 'superseded') THEN 1 END), \
             count(CASE WHEN close_evidence = 'gone' THEN 1 END), 0 FROM incidents \
             WHERE closed_at >= $1 AND closed_at < $2 AND baseline = 0 AND ($3 IS NULL OR toolkit = $3) \
             GROUP BY closed_at / 86400000 \
             UNION ALL SELECT f.created_at / 86400000, 0, 0, 0, 0, count(*) FROM notifications f \
             JOIN notification_items fi ON fi.notification_id = f.notification_id AND fi.number = 0 \
             JOIN incidents i ON i.incident_id = fi.incident_id WHERE f.created_at >= $1 AND f.created_at < $2 \
             AND ($3 IS NULL OR i.toolkit = $3) GROUP BY f.created_at / 86400000 \
             UNION ALL SELECT day, newly_broken, released, recovered, gone, notified FROM report_days \
             WHERE day >= $4 AND day < $5 AND ($3 IS NULL OR toolkit = $3)) days GROUP BY day ORDER BY day");
        let days = (millis(stretch.from).div_euclid(DAY_MS), (millis(stretch.to) - 1).div_euclid(DAY_MS) + 1);
        let select = select.bind(stretch.from).bind(stretch.to).bind(toolkit).bind(days.0).bind(days.1);
        self.session.fetch(select).await?.iter().map(day_figures).collect()
    }

    /// How many incidents were open at the beginning of a UTC day; of one toolkit, or of all.
    pub async fn report_open(&mut self, at: Timestamp, toolkit: Option<&str>) -> Result<u64, StoreError> {
        let kept =
            sql("SELECT count(*) AS n FROM incidents WHERE (closed_at IS NULL OR closed_at >= $1) AND baseline = 0 \
             AND +opened_at < $1 AND (released_at IS NULL OR released_at < $1) AND ($2 IS NULL OR toolkit = $2)");
        let kept = self.session.fetch(kept.bind(at).bind(toolkit)).await?;
        let dropped = sql("SELECT COALESCE(CAST(sum(newly_broken + released - recovered - gone) AS BIGINT), 0) AS n \
             FROM report_days WHERE day < $1 AND ($2 IS NULL OR toolkit = $2)");
        let dropped = self.session.fetch(dropped.bind(millis(at).div_euclid(DAY_MS)).bind(toolkit)).await?;
        let mut open = 0;
        for row in kept.iter().chain(&dropped) {
            open += count(row, "n")?;
        }
        Ok(open)
    }
}

fn day_figures(row: &Row) -> Result<DayFigures, StoreError> {
    Ok(DayFigures {
        day: row.int("day")?,
        newly_broken: count(row, "newly_broken")?,
        released: count(row, "released")?,
        recovered: count(row, "recovered")?,
        gone: count(row, "gone")?,
        notified: count(row, "notified")?,
    })
}
