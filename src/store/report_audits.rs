//! The audits of a stretch of time: how often somebody looked, and how much the last look saw.
//!
//! An audit that went to its end and learned of nobody (the provider was away, its key was refused) counts with those that
//! failed: it makes nothing fresh, and there is nothing to compare with in its figures.

use super::report_breakages::Stretch;
use super::runs::counted;
use super::{StoreError, Work, sql};
use crate::domain::{RunCounters, Timestamp, millis};

/// The audits that ended in a stretch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFigures {
    /// Those that went to their end and learned of somebody, or had nobody to ask about.
    pub finished: u64,
    /// Those that failed, whose process ended, or that learned of nobody.
    pub failed: u64,
    /// When the first of those that finished did.
    pub first_at: Option<Timestamp>,
    /// The longest time between two ends of such, in milliseconds; none with fewer than two.
    pub longest_gap_ms: Option<u64>,
    /// The last of them, when it ended and what it counted.
    pub last: Option<(Timestamp, RunCounters)>,
}

/// Runs read at once: an hourly schedule has some 700 a month, and what each counted is a kilobyte.
const PAGE: u32 = 1_000;

impl Work {
    /// The audits that ended in the stretch. What each counted is text to the database, so it is looked at here, a page at
    /// a time; of all but the last, only the end is kept.
    pub async fn report_audits(&mut self, stretch: Stretch) -> Result<AuditFigures, StoreError> {
        let (mut figures, mut ends, mut last) = (AuditFigures::default(), Vec::new(), None);
        let mut after = String::new();
        loop {
            let select = sql("SELECT run_id, state, finished_at, counters FROM runs WHERE run_id > $3 \
                 AND finished_at >= $1 AND finished_at < $2 ORDER BY run_id LIMIT $4");
            let select = select.bind(stretch.from).bind(stretch.to).bind(after.as_str()).bind(PAGE);
            let rows = self.session.fetch(select).await?;
            for row in &rows {
                after = row.text("run_id")?;
                let (ended_at, seen) = (row.instant("finished_at")?, counted(row)?);
                if row.text("state")? != "finished" || seen.saw_nobody() {
                    figures.failed += 1;
                    continue;
                }
                ends.push(ended_at);
                // Of two that ended at once, the later by its id: rows come in that order.
                if last.as_ref().is_none_or(|(latest, _)| *latest <= ended_at) {
                    last = Some((ended_at, seen));
                }
            }
            if rows.len() < PAGE as usize {
                break;
            }
        }
        ends.sort_unstable();
        let gaps = ends.windows(2).filter_map(|pair| match pair {
            [one, next] => u64::try_from(millis(*next) - millis(*one)).ok(),
            _ => None,
        });
        figures.longest_gap_ms = gaps.max();
        Ok(AuditFigures { finished: ends.len() as u64, first_at: ends.first().copied(), last, ..figures })
    }
}
