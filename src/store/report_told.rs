//! What was said in a stretch of time and what came of it.
//!
//! As of the end of the stretch, like all figures of the report. What an operator puts back by hand
//! (`outbox redeliver`) counts as it stands now.

use super::report_breakages::{Stretch, count};
use super::{StoreError, Work, sql};

/// How far incidents came that were first told in the stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FunnelFigures {
    /// It was decided to tell.
    pub notified: u64,
    /// A notice was accepted by its receiver.
    pub delivered: u64,
    /// The account works again, since a notice was accepted.
    pub active_again: u64,
}

/// What became of the deliveries of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelFigures {
    /// The channel.
    pub channel: String,
    /// Decided in the stretch.
    pub planned: u64,
    /// Accepted by the receiver.
    pub delivered: u64,
    /// Given up.
    pub dead: u64,
    /// Called off.
    pub cancelled: u64,
}

impl Work {
    /// How far the incidents came whose first notice was decided in the stretch. (CROSS JOIN tells SQLite to begin with the
    /// notices of the stretch, and means nothing to PostgreSQL.)
    pub async fn report_funnel(
        &mut self,
        stretch: Stretch,
        toolkit: Option<&str>,
    ) -> Result<FunnelFigures, StoreError> {
        let select = sql("SELECT count(*) AS notified, count(CASE WHEN arrived_at < $2 THEN 1 END) AS delivered, \
             count(CASE WHEN arrived_at < $2 AND closed_at < $2 AND closed_at >= arrived_at \
             AND close_evidence IN ('active', 'superseded') THEN 1 END) AS active_again \
             FROM (SELECT i.incident_id, i.closed_at, i.close_evidence, min(CASE WHEN d.state = 'delivered' \
             AND items.spent = 1 AND (d.said IS NULL OR d.said LIKE '%' || items.incident_id || '%') \
             THEN d.settled_at END) AS arrived_at \
             FROM notifications f CROSS JOIN notification_items fi CROSS JOIN incidents i CROSS JOIN notification_items items \
             LEFT JOIN deliveries d ON d.notification_id = items.notification_id \
             WHERE f.created_at >= $1 AND f.created_at < $2 AND fi.notification_id = f.notification_id AND fi.number = 0 \
             AND i.incident_id = fi.incident_id AND items.incident_id = i.incident_id AND items.number >= 0 AND ($3 IS NULL OR i.toolkit = $3) \
             GROUP BY i.incident_id, i.closed_at, i.close_evidence) told");
        let rows = self.session.fetch(select.bind(stretch.from).bind(stretch.to).bind(toolkit)).await?;
        let Some(row) = rows.first() else { return Ok(FunnelFigures::default()) };
        Ok(FunnelFigures {
            notified: count(row, "notified")?,
            delivered: count(row, "delivered")?,
            active_again: count(row, "active_again")?,
        })
    }

    /// After which notice people came back, of the incidents that recovered in the stretch: the number of the last that
    /// had been accepted by then (0 is the first), none where none had; and how many. (The state stands in the CASE: as a
    /// condition of the join it would lead SQLite, which keeps no statistics here, to all that was ever delivered, for each
    /// incident anew.)
    pub async fn report_brought_back(
        &mut self,
        stretch: Stretch,
        toolkit: Option<&str>,
    ) -> Result<Vec<(Option<u32>, u64)>, StoreError> {
        let select = sql("SELECT last, count(*) AS n FROM (SELECT i.incident_id, max(CASE WHEN d.state = 'delivered' \
             AND d.settled_at <= i.closed_at AND (d.said IS NULL OR d.said LIKE '%' || items.incident_id || '%') THEN items.number END) AS last \
             FROM incidents i LEFT JOIN notification_items items ON items.incident_id = i.incident_id \
             AND items.number >= 0 AND items.spent = 1 \
             LEFT JOIN deliveries d ON d.notification_id = items.notification_id \
             WHERE i.baseline = 0 AND i.closed_at >= $1 AND i.closed_at < $2 \
             AND i.close_evidence IN ('active', 'superseded') AND ($3 IS NULL OR i.toolkit = $3) \
             GROUP BY i.incident_id) back GROUP BY last ORDER BY last");
        let rows = self.session.fetch(select.bind(stretch.from).bind(stretch.to).bind(toolkit)).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push((row.opt_int("last")?.and_then(|last| u32::try_from(last).ok()), count(row, "n")?));
        }
        found.sort_unstable(); // The databases do not agree where NULL belongs.
        Ok(found)
    }

    /// What became of the notices to users decided in the stretch, by channel.
    pub async fn report_channels(&mut self, stretch: Stretch) -> Result<Vec<ChannelFigures>, StoreError> {
        let select = sql("SELECT d.channel, count(*) AS planned, \
             count(CASE WHEN d.state = 'delivered' AND d.settled_at < $2 THEN 1 END) AS delivered, \
             count(CASE WHEN d.state = 'dead' AND d.settled_at < $2 THEN 1 END) AS dead, \
             count(CASE WHEN d.state = 'cancelled' AND d.settled_at < $2 THEN 1 END) AS cancelled \
             FROM notifications n JOIN deliveries d ON d.notification_id = n.notification_id \
             WHERE n.created_at >= $1 AND n.created_at < $2 AND n.user_id <> '' \
             GROUP BY d.channel ORDER BY d.channel LIMIT 1000");
        let rows = self.session.fetch(select.bind(stretch.from).bind(stretch.to)).await?;
        rows.iter()
            .map(|row| {
                Ok(ChannelFigures {
                    channel: row.text("channel")?,
                    planned: count(row, "planned")?,
                    delivered: count(row, "delivered")?,
                    dead: count(row, "dead")?,
                    cancelled: count(row, "cancelled")?,
                })
            })
            .collect()
    }
}
